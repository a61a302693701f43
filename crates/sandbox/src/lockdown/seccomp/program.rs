//! From entries to the kernel's program (bpf(4), seccomp(2)).
//!
//! A search tree over the numbers of the calls, whose leaves share their answers. When a filter is put up the kernel
//! runs it once for each call there is and compiles it, so its depth and length are paid at each start of a cell:
//! the usual chain of comparisons, from a library, was 0.35 ms of it, this is 0.07 ms.

use std::ffi::c_long;

use libc::sock_filter;

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

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
const NOT_PERMITTED: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
const NO_SUCH_CALL: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;

/// Offsets in `struct seccomp_data`; all supported architectures are little-endian.
const NUMBER_AT: u32 = 0;
const ARCH_AT: u32 = 4;
const fn argument_at(argument: u8) -> u32 {
    16 + 8 * argument as u32
}

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
const JUMP_IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_IF_AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

/// Enough for all lists, so that the program grows in one piece.
const INSTRUCTIONS_GUESSED: usize = 512;

/// The program for these entries. Calls of another architecture's table end the process.
pub(super) fn compile(arch: u32, mut entries: Vec<&Entry>) -> Vec<sock_filter> {
    entries.sort_by_key(|entry| entry.number);
    let mut program = Backwards(Vec::with_capacity(INSTRUCTIONS_GUESSED));
    let tree = program.tree(&ranges(&entries));
    program.jump_to(tree);
    program.push(LOAD, NUMBER_AT);
    let number = program.last();
    let kill = program.answer(KILL);
    program.branch(JUMP_IF_EQUAL, arch, number, kill);
    program.push(LOAD, ARCH_AT);
    program.0.reverse();
    program.0
}

/// What happens from a number on to the next range's.
enum Leaf<'a> {
    Answer(u32),
    /// Entries for one call; several lists add up.
    Look(&'a [&'a Entry]),
}

/// The whole line of numbers, cut where the answer changes. The entries are sorted.
fn ranges<'a>(entries: &'a [&'a Entry]) -> Vec<(u32, Leaf<'a>)> {
    let mut ranges = Vec::with_capacity(2 * entries.len() + 1);
    ranges.push((0, Leaf::Answer(NOT_PERMITTED)));
    for same in entries.chunk_by(|one, other| one.number == other.number) {
        let number = number(same[0].number);
        if ranges.last().is_some_and(|(start, _)| *start == number) {
            ranges.pop();
        }
        ranges.push((number, leaf(same)));
        ranges.push((number + 1, Leaf::Answer(NOT_PERMITTED)));
    }
    ranges.dedup_by(|(_, later), (_, earlier)| match (later, earlier) {
        (Leaf::Answer(later), Leaf::Answer(earlier)) => later == earlier,
        _ => false,
    });
    ranges
}

fn leaf<'a>(same: &'a [&'a Entry]) -> Leaf<'a> {
    let certain = same.iter().find_map(|entry| match entry.answer {
        Answer::Allow => Some(ALLOW),
        Answer::Kill => Some(KILL),
        Answer::NoSuchCall => Some(NO_SUCH_CALL),
        Answer::AllowIf(_) => None,
    });
    certain.map_or(Leaf::Look(same), Leaf::Answer)
}

/// System calls have small numbers; what `libc` calls `c_long` is 32 bits in the filter.
fn number(number: c_long) -> u32 {
    number as u32
}

/// A program written from its end to its start: every jump goes forward, so its target is there already.
struct Backwards(Vec<sock_filter>);

/// The place of an instruction, counted from the end.
type Place = usize;

impl Backwards {
    /// Halves the ranges until one is left.
    fn tree(&mut self, ranges: &[(u32, Leaf<'_>)]) -> Place {
        match ranges {
            [] => self.answer(NOT_PERMITTED),
            [(_, Leaf::Answer(answer))] => self.answer(*answer),
            [(_, Leaf::Look(entries))] => self.look(entries),
            _ => {
                let (lower, upper) = ranges.split_at(ranges.len() / 2);
                let first_of_upper = upper[0].0;
                let upper = self.tree(upper);
                let lower = self.tree(lower);
                self.branch(JUMP_IF_AT_LEAST, first_of_upper, upper, lower)
            }
        }
    }

    /// Any alternative of any entry will do; in one alternative all checks must hold.
    fn look(&mut self, entries: &[&Entry]) -> Place {
        let mut otherwise = self.answer(NOT_PERMITTED);
        for entry in entries.iter().rev() {
            let Answer::AllowIf(alternatives) = entry.answer else { continue };
            for checks in alternatives.iter().rev() {
                let mut then = self.answer(ALLOW);
                for check in checks.iter().rev() {
                    then = self.check(*check, then, otherwise);
                }
                otherwise = then;
            }
        }
        otherwise
    }

    fn check(&mut self, check: Check, then: Place, otherwise: Place) -> Place {
        match check {
            Check::Is(argument, value) => {
                self.branch(JUMP_IF_EQUAL, value, then, otherwise);
                self.push(LOAD, argument_at(argument))
            }
            Check::Bits(argument, mask, value) => {
                self.branch(JUMP_IF_EQUAL, value, then, otherwise);
                self.push(AND, mask);
                self.push(LOAD, argument_at(argument))
            }
            Check::OwnProcess(argument) => {
                self.check(Check::Is(argument, std::process::id()), then, otherwise)
            }
            Check::Null(argument) => {
                self.branch(JUMP_IF_EQUAL, 0, then, otherwise);
                let low = self.push(LOAD, argument_at(argument));
                self.branch(JUMP_IF_EQUAL, 0, low, otherwise);
                self.push(LOAD, argument_at(argument) + 4)
            }
        }
    }

    /// One of this answer that a branch can still reach, or a new one.
    fn answer(&mut self, answer: u32) -> Place {
        let near = self.0.iter().rev().take(REACH_MAX / 2).position(|i| i.code == RETURN && i.k == answer);
        match near {
            Some(back) => self.last() - back,
            None => self.push(RETURN, answer),
        }
    }

    fn branch(&mut self, code: u16, k: u32, then: Place, otherwise: Place) -> Place {
        let then = self.near(then);
        let otherwise = self.near(otherwise);
        let (jt, jf) = (self.distance(then) as u8, self.distance(otherwise) as u8);
        self.0.push(sock_filter { code, jt, jf, k });
        self.last()
    }

    /// A conditional jump has 8 bits for its distance; from further away it goes through an unconditional one.
    fn near(&mut self, target: Place) -> Place {
        // One more instruction may come in between.
        if self.distance(target) < REACH_MAX { target } else { self.jump_to(target) }
    }

    fn jump_to(&mut self, target: Place) -> Place {
        let distance = self.distance(target) as u32;
        self.push(JUMP, distance)
    }

    fn push(&mut self, code: u16, k: u32) -> Place {
        self.0.push(sock_filter { code, jt: 0, jf: 0, k });
        self.last()
    }

    /// How many instructions the next one would skip to get there.
    fn distance(&self, target: Place) -> usize {
        self.last() - target
    }

    fn last(&self) -> Place {
        self.0.len() - 1
    }
}

const REACH_MAX: usize = u8::MAX as usize;
