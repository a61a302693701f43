//! From entries to the kernel's program.
//!
//! `seccompiler` translates the checks of arguments. The way to the entry is our own: a search tree instead of its
//! chain, because when a filter is put up the kernel runs it once for each system call there is, and that was
//! 0.3 ms of each start with a chain.

use std::collections::BTreeMap;
use std::ffi::c_long;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule,
    sock_filter,
};

use super::entry::{Answer, Check, Entry};

/// The number by which the kernel names this architecture (`linux/audit.h`), where there is a list for it.
pub(super) const AUDIT_ARCH: Option<u32> = if cfg!(target_arch = "x86_64") {
    Some(0xC000_003E)
} else if cfg!(target_arch = "aarch64") {
    Some(0xC000_00B7)
} else if cfg!(target_arch = "riscv64") {
    Some(0xC000_00F3)
} else {
    None
};

/// Offsets in `struct seccomp_data`.
const NUMBER_AT: u32 = 0;
const ARCH_AT: u32 = 4;

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
const JUMP_IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_IF_AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

/// The program for these entries. Calls of another architecture's table end the process.
pub(super) fn compile(arch: u32, entries: &[&Entry]) -> Result<BpfProgram, BackendError> {
    let mut program = vec![
        instruction(LOAD, ARCH_AT),
        sock_filter { code: JUMP_IF_EQUAL, jt: 1, jf: 0, k: arch },
        answer(SeccompAction::KillProcess),
        instruction(LOAD, NUMBER_AT),
    ];
    tree(&ranges(entries)?, &mut program);
    Ok(program)
}

/// A first number and what happens from there on to the next range.
type Range = (u32, BpfProgram);

/// The whole line of numbers, cut where the answer changes.
fn ranges(entries: &[&Entry]) -> Result<Vec<Range>, BackendError> {
    let mut by_number: BTreeMap<c_long, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        by_number.entry(entry.number).or_default().push(entry);
    }
    let otherwise = vec![answer(refuse(libc::EPERM))];
    let mut ranges: Vec<Range> = vec![(0, otherwise.clone())];
    for (number, entries) in by_number {
        let number = number as u32;
        if ranges.last().is_some_and(|last| last.0 == number) {
            ranges.pop();
        }
        ranges.push((number, leaf(&entries)?));
        ranges.push((number + 1, otherwise.clone()));
    }
    ranges.dedup_by(|later, earlier| later.1 == earlier.1);
    Ok(ranges)
}

/// Entries of several lists for the same call add up.
fn leaf(entries: &[&Entry]) -> Result<BpfProgram, BackendError> {
    let mut program = BpfProgram::new();
    for entry in entries {
        match entry.answer {
            Answer::Allow => return Ok(vec![answer(SeccompAction::Allow)]),
            Answer::Kill => return Ok(vec![answer(SeccompAction::KillProcess)]),
            Answer::NoSuchCall => return Ok(vec![answer(refuse(libc::ENOSYS))]),
            Answer::AllowIf(alternatives) => {
                for checks in alternatives {
                    let checks = checks.iter().map(condition).collect::<Result<_, _>>()?;
                    program.extend(BpfProgram::from(SeccompRule::new(checks)?));
                    program.push(answer(SeccompAction::Allow));
                }
            }
        }
    }
    program.push(answer(refuse(libc::EPERM)));
    Ok(program)
}

fn condition(check: &Check) -> Result<SeccompCondition, BackendError> {
    use SeccompCmpArgLen::{Dword, Qword};
    match *check {
        Check::Is(argument, value) => SeccompCondition::new(argument, Dword, SeccompCmpOp::Eq, value.into()),
        Check::Bits(argument, mask, value) => {
            SeccompCondition::new(argument, Dword, SeccompCmpOp::MaskedEq(mask.into()), value.into())
        }
        Check::Null(argument) => SeccompCondition::new(argument, Qword, SeccompCmpOp::Eq, 0),
        Check::OwnProcess(argument) => {
            SeccompCondition::new(argument, Dword, SeccompCmpOp::Eq, std::process::id().into())
        }
    }
}

/// Halves the ranges until one is left.
fn tree(ranges: &[Range], program: &mut BpfProgram) {
    if let [(_, leaf)] = ranges {
        program.extend_from_slice(leaf);
        return;
    }
    let (lower, upper) = ranges.split_at(ranges.len() / 2);
    let Some((first_of_upper, _)) = upper.first() else { return };
    let at = program.len();
    // A conditional jump reaches 255 instructions, so the long way is a jump of its own.
    program.push(sock_filter { code: JUMP_IF_AT_LEAST, jt: 0, jf: 1, k: *first_of_upper });
    program.push(instruction(JUMP, 0));
    tree(lower, program);
    let length = program.len() - at - 2;
    match u8::try_from(length) {
        Ok(length) => {
            program[at].jt = length;
            program[at].jf = 0;
            program.remove(at + 1);
        }
        Err(_) => program[at + 1].k = length as u32,
    }
    tree(upper, program);
}

fn answer(action: SeccompAction) -> sock_filter {
    instruction(RETURN, action.into())
}

fn refuse(errno: i32) -> SeccompAction {
    SeccompAction::Errno(errno as u32)
}

fn instruction(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}
