//! The scenarios: a front with a cell that does one thing.

use std::io::{Read, Write};
use std::time::Duration;

use rustix::process::{Resource, WaitOptions, getrlimit};
use tombolo_sandbox::{
    CellPlan, Entered, Policy, Verdict, Walls, close_fds_except, die_of_signal, run_in_cell,
};

use crate::fronts::Namespaces;
use crate::jobs;

const SCENARIO: &str = "TOMBOLO_TEST_SCENARIO";
const PLAIN: &str = "TOMBOLO_TEST_PLAIN";

/// True if this process is a scenario.
pub(crate) fn is_one() -> bool {
    std::env::var_os(SCENARIO).is_some()
}

/// The environment that makes this program a scenario.
pub(crate) fn environment(scenario: &str, plain: bool) -> Vec<(&'static str, String)> {
    let mut variables = vec![(SCENARIO, scenario.to_owned())];
    variables.extend(plain.then(|| (PLAIN, "1".to_owned())));
    variables
}

/// Ends as the command line would: with the cell's code, by its signal, and with codes of its own for the rest.
pub(crate) fn run() {
    let name = std::env::var(SCENARIO).expect("a scenario's name");
    let plain = std::env::var_os(PLAIN).is_some();
    close_fds_except(&[]).expect("close what the test's own parents left open");
    assert!(close_fds_except(&[]).is_err(), "it is for the start only");
    jobs::run(&name, if plain { Namespaces::None } else { Namespaces::All });
    let walls = if plain { no_namespaces() } else { Walls::default() };
    let deadline = name.starts_with("deadline").then_some(Duration::from_millis(50));
    let before = State::now();
    print!("kept in a buffer ");
    let verdict =
        run_in_cell(&CellPlan { deadline, walls, ..CellPlan::default() }, |entered| live(&name, entered));
    let after = State::now();
    assert_eq!(before, after, "the front has something left of the cell");
    match verdict.expect("run a cell") {
        Verdict::Exited(code) => std::process::exit(code.into()),
        Verdict::Interrupted(signal) => die_of_signal(signal),
        Verdict::DeadlineExceeded => std::process::exit(124),
        Verdict::Signaled(signal) => {
            println!("crashed by {signal}");
            std::process::exit(99)
        }
    }
}

fn no_namespaces() -> Walls {
    use tombolo_sandbox::Layer::{Capabilities, Landlock, NoCore, NoNewPrivs, NotDumpable, Scope, Seccomp};
    Walls::only(&[Capabilities, Landlock, NoCore, NoNewPrivs, NotDumpable, Scope, Seccomp])
}

/// The cell's life. It says `ready`, does what it is for, and otherwise waits for a line that is its exit code.
fn live(name: &str, entered: Entered) -> u8 {
    entered.lock_down(&Policy::default()).expect("lock the cell down");
    let ending = entered.ending();
    println!("ready");
    match name {
        "exit" => 42,
        "panic" => panic!("on purpose"),
        "abort" => std::process::abort(),
        // SAFETY: that nobody has this page is the point.
        "crash" => unsafe {
            std::ptr::without_provenance_mut::<u8>(8).write_volatile(1);
            0
        },
        "closed pipe" => ending.by_signal(rustix::process::Signal::PIPE.as_raw()),
        "stop by the cell" => ending.by_signal(rustix::process::Signal::STOP.as_raw()),
        "descriptors" => {
            // Standard ones, the one to the front, and nothing that the front has for itself.
            (0..64).filter(|&fd| rustix::io::fcntl_getfd(borrow(fd)).is_ok()).count() as u8
        }
        "mask" => u8::from(masked()),
        _ => wait_for_code(),
    }
}

fn wait_for_code() -> u8 {
    let mut line = String::new();
    loop {
        let mut byte = [0];
        match std::io::stdin().read(&mut byte) {
            Ok(1) if byte[0] == b'\n' => break,
            Ok(1) => line.push(byte[0].into()),
            Ok(_) => return 3,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return 4,
        }
    }
    println!("read {line}");
    std::io::stdout().flush().map_or(5, |()| line.trim().parse().unwrap_or(6))
}

fn borrow(fd: i32) -> rustix::fd::BorrowedFd<'static> {
    // SAFETY: only asked whether it exists.
    unsafe { rustix::fd::BorrowedFd::borrow_raw(fd) }
}

/// True if the cell has inherited the front's blocked signals.
fn masked() -> bool {
    State::mask() != 0
}

/// What a front must leave as it was.
#[derive(Debug, PartialEq)]
struct State {
    descriptors: usize,
    children: bool,
    mask: u64,
    ignored_child: usize,
    core: Option<u64>,
}

impl State {
    fn now() -> State {
        State {
            descriptors: std::fs::read_dir("/proc/self/fd").expect("list descriptors").count(),
            children: rustix::process::wait(WaitOptions::NOHANG).is_ok(),
            mask: State::mask(),
            ignored_child: State::child_action(),
            core: getrlimit(Resource::Core).current,
        }
    }

    fn mask() -> u64 {
        // SAFETY: with no new mask given this only fills the old one, of which all zeroes are a valid value.
        unsafe {
            let mut mask: libc::sigset_t = std::mem::zeroed();
            libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &mut mask);
            (0..64)
                .filter(|signal| libc::sigismember(&mask, signal + 1) == 1)
                .fold(0, |set, signal| set | 1 << signal)
        }
    }

    fn child_action() -> usize {
        // SAFETY: as above.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            libc::sigaction(libc::SIGCHLD, std::ptr::null(), &mut action);
            action.sa_sigaction
        }
    }
}
