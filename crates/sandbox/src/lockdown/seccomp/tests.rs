//! The compiled program, run on every number by an interpreter as small as the programs are (bpf(4), seccomp(2)).

use std::collections::HashMap;

use libc::sock_filter;

use super::entry::Answer;
use super::*;

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
const NOT_PERMITTED: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
const NO_SUCH_CALL: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;

fn arch() -> u32 {
    program::AUDIT_ARCH.expect("tests run where there is a list")
}

/// The filter's answer to a call, given as `struct seccomp_data`.
fn run(program: &[sock_filter], arch: u32, number: u32, arguments: [u64; 6]) -> u32 {
    let mut data = vec![number, arch, 0, 0];
    data.extend(arguments.iter().flat_map(|&argument| [argument as u32, (argument >> 32) as u32]));
    let (mut at, mut value) = (0, 0);
    loop {
        let sock_filter { code, jt, jf, k } = program[at];
        let jump_if = |holds: bool| 1 + usize::from(if holds { jt } else { jf });
        at += match code {
            0x20 => {
                value = data[k as usize / 4];
                1
            }
            0x54 => {
                value &= k;
                1
            }
            0x05 => 1 + k as usize,
            0x15 => jump_if(value == k),
            0x25 => jump_if(value > k),
            0x35 => jump_if(value >= k),
            0x45 => jump_if(value & k != 0),
            0x06 => return k,
            other => panic!("the interpreter does not know {other:#x}"),
        };
    }
}

fn policies() -> Vec<Policy<'static>> {
    use std::os::fd::{AsFd, BorrowedFd};
    let leaked: &'static std::fs::File =
        Box::leak(Box::new(std::fs::File::open("/").expect("open the root folder")));
    let fd: BorrowedFd<'static> = leaked.as_fd();
    let rule = |access| vec![crate::FileRule { fd, access }];
    let any = Network::Tcp { connect: vec![], bind: vec![], any: true };
    vec![
        Policy::default(),
        Policy { files: rule(Access::ReadOnly), ..Policy::default() },
        Policy { files: rule(Access::ReadWrite), network: any.clone(), ..Policy::default() },
        Policy { network: any, udp: true, late_code: true, given_sockets: true, ..Policy::default() },
        Policy { given_sockets: true, ..Policy::default() },
        Policy { shared_files: true, ..Policy::default() },
    ]
}

#[test]
fn every_number_gets_the_answer_of_the_lists() {
    for policy in policies() {
        let entries = entries(&policy);
        let program = program::compile(arch(), entries.clone());
        let by_number: HashMap<u32, &Entry> =
            entries.iter().map(|&entry| (entry.number as u32, entry)).collect();
        for number in (0..2000).chain([0x4000_0000, 0x4000_0001, u32::MAX - 1, u32::MAX]) {
            let answer = run(&program, arch(), number, [u64::MAX; 6]);
            match by_number.get(&number).map(|entry| entry.answer) {
                Some(Answer::Allow) => assert_eq!(answer, ALLOW, "{number}"),
                Some(Answer::Kill) => assert_eq!(answer, KILL, "{number}"),
                Some(Answer::NoSuchCall) => assert_eq!(answer, NO_SUCH_CALL, "{number}"),
                Some(Answer::AllowIf(_)) | None => assert_eq!(answer, NOT_PERMITTED, "{number}"),
            }
        }
    }
}

#[test]
fn calls_of_another_table_end_the_process() {
    const I386: u32 = 0x4000_0003;
    let program = program::compile(arch(), entries(&Policy::default()));
    for number in 0..2000 {
        assert_eq!(run(&program, I386, number, [0; 6]), KILL);
    }
}

#[test]
fn arguments_are_looked_at() {
    let policy = &policies()[3];
    let program = program::compile(arch(), entries(policy));
    let strict = program::compile(arch(), entries(&Policy::default()));
    let ask = |program: &[sock_filter], number: libc::c_long, arguments: &[u64]| {
        let mut all = [0; 6];
        all[..arguments.len()].copy_from_slice(arguments);
        run(program, arch(), number as u32, all) == ALLOW
    };
    let exec = libc::PROT_EXEC as u64;
    assert!(!ask(&strict, libc::SYS_mmap, &[0, 1, exec | 1]) && ask(&strict, libc::SYS_mmap, &[0, 1, 3]));
    assert!(!ask(&strict, libc::SYS_socket, &[2, 1, 0]) && ask(&program, libc::SYS_socket, &[2, 1, 0]));
    let cloexec = libc::SOCK_CLOEXEC as u64;
    for (domain, kind, protocol, expected) in [
        (libc::AF_INET, libc::SOCK_STREAM, 0, true),
        (libc::AF_INET6, libc::SOCK_DGRAM, libc::IPPROTO_UDP, true),
        (libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP, false),
        (libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP, false),
        (libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_TCP, false),
        (libc::AF_UNIX, libc::SOCK_STREAM, 0, false),
        (libc::AF_NETLINK, libc::SOCK_DGRAM, 0, false),
    ] {
        let arguments = [domain as u64, kind as u64 | cloexec, protocol as u64];
        assert_eq!(ask(&program, libc::SYS_socket, &arguments), expected, "{arguments:?}");
    }
    // A socket that was given leads nowhere else: no address, no source route, no other interface.
    let given = program::compile(arch(), entries(&policies()[4]));
    let fast_open = libc::MSG_FASTOPEN as u64;
    for (arguments, expected) in
        [([3, 1, 1, 0, 0], true), ([3, 1, 1, 0, 1 << 40], false), ([3, 1, 1, fast_open, 0], false)]
    {
        assert_eq!(ask(&given, libc::SYS_sendto, &arguments), expected, "{arguments:?}");
    }
    for (level, name, expected) in [
        (libc::IPPROTO_TCP, libc::TCP_NODELAY, true),
        (libc::IPPROTO_IP, libc::IP_OPTIONS, false),
        (libc::SOL_SOCKET, libc::SO_BINDTODEVICE, false),
    ] {
        assert_eq!(
            ask(&given, libc::SYS_setsockopt, &[3, level as u64, name as u64]),
            expected,
            "{level} {name}"
        );
    }
    for call in [libc::SYS_connect, libc::SYS_bind, libc::SYS_listen, libc::SYS_sendmsg, libc::SYS_sendmmsg] {
        assert!(!ask(&given, call, &[3]) && ask(&program, call, &[3]), "{call}");
    }
    let passing = Policy { given_sockets: true, passes_descriptors: true, ..Policy::default() };
    let passing = program::compile(arch(), entries(&passing));
    assert!(ask(&passing, libc::SYS_sendmsg, &[3]) && !ask(&passing, libc::SYS_sendmsg, &[3, 1, fast_open]));
    assert!(!ask(&passing, libc::SYS_sendmmsg, &[3]) && !ask(&passing, libc::SYS_connect, &[3]));
    // A lock that needs no right to write is for who shares files.
    let sharing = program::compile(arch(), entries(&policies()[5]));
    let exclusive = [3, libc::LOCK_EX as u64];
    assert!(ask(&sharing, libc::SYS_flock, &exclusive) && !ask(&program, libc::SYS_flock, &exclusive));
    // What the two C libraries pass for a thread, and a fork.
    for (flags, expected) in [(0x003d_0f00, true), (0x007d_0f00, true), (0x11, false), (0x103d_0f00, false)] {
        assert_eq!(ask(&strict, libc::SYS_clone, &[flags]), expected, "{flags:#x}");
    }
    let own = std::process::id().into();
    assert!(
        ask(&strict, libc::SYS_tgkill, &[own, 5, 6]) && !ask(&strict, libc::SYS_tgkill, &[own + 1, 5, 6])
    );
    // Pages of this process, not of another one.
    let this_process = u64::from((-10_000_i32).cast_unsigned());
    assert!(ask(&strict, libc::SYS_process_madvise, &[this_process]));
    assert!(!ask(&strict, libc::SYS_process_madvise, &[7]));
    // Reading a limit, not writing one, and not of another process; a pointer has 64 bits.
    assert!(ask(&strict, libc::SYS_prlimit64, &[0, 7, 0, 1 << 40]));
    assert!(
        !ask(&strict, libc::SYS_prlimit64, &[0, 7, 1 << 40])
            && !ask(&strict, libc::SYS_prlimit64, &[9, 7, 0])
    );
}

#[test]
fn every_entry_has_a_reason_and_no_list_contradicts_another() {
    let mut deadly = HashMap::new();
    for policy in policies() {
        for entry in entries(&policy) {
            assert!(entry.why.len() > 5, "{}", entry.number);
            let kills = matches!(entry.answer, Answer::Kill);
            assert_eq!(
                *deadly.entry(entry.number).or_insert(kills),
                kills,
                "{} is in two lists",
                entry.number
            );
        }
    }
}
