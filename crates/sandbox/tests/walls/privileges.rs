//! Rights that a process has or could get, who may look into it from outside, and what is said of all this.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use libtest_mimic::{Failed, Trial};
use rustix::process::{Resource, Rlimit, getegid, geteuid, getpid, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets};
use tombolo_sandbox::{
    CellPlan, Layer, Policy, Requirement, SandboxError, Status, Verdict, lock_down, probe, probe_fully,
    run_in_cell,
};

use crate::act::{call, nothing};
use crate::scenario::{self, perform};
use crate::skip;
use crate::stage::{Stage, folders};
use crate::user::User;

/// A name, the walls (`None`: all), and a scenario that panics if something is wrong.
type Check = (&'static str, Option<&'static [Layer]>, fn(&Stage));

const CHECKS: &[Check] = &[
    ("without walls a crash leaves a core file", Some(&[]), |stage| assert_eq!(core_files(stage), 1)),
    ("without core files a crash leaves none", Some(&[Layer::NoCore]), |stage| {
        assert_eq!(core_files(stage), 0)
    }),
    ("if not dumpable a crash leaves no core file", Some(&[Layer::NotDumpable]), |stage| {
        assert_eq!(core_files(stage), 0);
    }),
    ("without walls a process of the same user can trace a cell", Some(&[]), |stage| {
        assert_eq!(trace_from_outside(stage), "done");
    }),
    ("if not dumpable nobody but root can trace a cell", Some(&[Layer::NotDumpable]), |stage| {
        let expected = if geteuid().is_root() { "done" } else { "1" };
        assert_eq!(trace_from_outside(stage), expected);
    }),
    ("a limit on core files cannot be raised again", Some(&[Layer::NoCore]), limit_stays),
    ("no capability is left", Some(&[Layer::Capabilities]), no_capability),
    (
        "no capability is left in a user namespace",
        Some(&[Layer::Capabilities, Layer::UserNamespace]),
        no_capability,
    ),
    ("files made in a cell belong to the user", None, files_belong_to_the_user),
    ("until the lock-down root's cell opens what root opens", None, opens_as_root),
    ("a cell is the first process of its namespace, and its C library knows", None, first_process),
    ("a lock-down with another thread is refused", None, other_thread),
    ("a cell beside another thread is refused", None, |_| {
        beside_a_thread(|| {
            let ran = run_in_cell(&CellPlan::default(), |_| 0);
            assert!(matches!(ran, Err(SandboxError::Threads { .. })), "{ran:?}");
        });
    }),
    ("a missing layer is an error if required", None, requirement),
    ("what is reported is what is in force", None, report),
    ("a process that is no cell can be locked down", None, no_cell),
    ("where a user namespace is refused, root's cell has the others", None, |_| {
        without_user_namespaces(true)
    }),
    ("where every namespace is refused, a cell is a plain fork", None, |_| without_user_namespaces(false)),
    ("under a filter that forbids unshare a cell runs and is locked down", None, under_a_filter),
];

const NEW_RIGHTS: &str = "without walls a setuid program gives new rights";
const NO_NEW_RIGHTS: &str = "without new privileges a setuid program gives none";
const PRINT_USER: &str = "print the effective user";
const PROGRAM: &str = "TOMBOLO_TEST_SETUID";

pub(crate) fn trials(user: User) -> Vec<Trial> {
    let checks = CHECKS.iter().map(|&(name, walls, _)| {
        Trial::test(format!("{user}: {name}"), move || scenario::output(name, user, walls).and_then(judge))
    });
    let setuid = [(NEW_RIGHTS, &[][..]), (NO_NEW_RIGHTS, &[Layer::NoNewPrivs][..])].map(|(name, walls)| {
        Trial::test(format!("{user}: {name}"), move || setuid_program(name, user, walls))
    });
    // Only root can make a program that others gain rights by.
    checks.chain(setuid.into_iter().filter(|_| user == User::Nobody)).collect()
}

fn judge(output: String) -> Result<(), Failed> {
    match output.strip_prefix("cannot: ") {
        Some(why) => skip(why),
        None => Ok(()),
    }
}

pub(crate) fn run(name: &str, stage: &Stage) -> bool {
    match CHECKS.iter().find(|check| check.0 == name) {
        Some((_, _, check)) => check(stage),
        None if name == PRINT_USER => print!("{}", geteuid().as_raw()),
        None if name == NEW_RIGHTS || name == NO_NEW_RIGHTS => start_setuid_program(stage),
        None => return false,
    }
    true
}

fn core_files(stage: &Stage) -> usize {
    let unlimited = Rlimit { current: None, maximum: getrlimit(Resource::Core).maximum };
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    if unlimited.maximum.is_some()
        || setrlimit(Resource::Core, unlimited).is_err()
        || pattern.starts_with(['|', '/'])
    {
        println!("cannot: core files are limited, or go elsewhere ({})", pattern.trim());
        std::process::exit(0);
    }
    let folder = stage.path("rw/two");
    std::env::set_current_dir(&folder).expect("change the folder");
    // SAFETY: that nobody has this page is the point.
    let (verdict, _) = perform(nothing, stage, |_| unsafe {
        std::ptr::without_provenance_mut::<u8>(8).write_volatile(1);
        Ok(())
    });
    assert_eq!(verdict, Verdict::Signaled(libc::SIGSEGV));
    std::fs::read_dir(folder).expect("list the folder").count() - 1
}

/// A child of the cell traces the cell: any other process of the same user could do the same.
fn trace_from_outside(stage: &Stage) -> String {
    let (_, told) = perform(nothing, stage, |_| {
        let cell = getpid();
        match call(libc::SYS_clone, [libc::SIGCHLD as usize, 0, 0, 0, 0])? {
            0 => {
                let pid = cell.as_raw_nonzero().get() as usize;
                let traced = call(libc::SYS_ptrace, [libc::PTRACE_SEIZE as usize, pid, 0, 0]);
                let errno = traced.map_or_else(|error| error.raw_os_error().unwrap_or(-1), |_| 0);
                // SAFETY: _exit has no preconditions.
                unsafe { libc::_exit(errno) }
            }
            child => {
                let mut status = 0_i32;
                call(libc::SYS_wait4, [child as usize, &raw mut status as usize, 0, 0])?;
                match libc::WEXITSTATUS(status) {
                    0 => Ok(()),
                    errno => Err(io::Error::from_raw_os_error(errno)),
                }
            }
        }
    });
    told.outcome
}

fn limit_stays(stage: &Stage) {
    let (_, told) = perform(nothing, stage, |_| {
        assert_eq!(getrlimit(Resource::Core), Rlimit { current: Some(0), maximum: Some(0) });
        Ok(setrlimit(Resource::Core, Rlimit { current: None, maximum: None })?)
    });
    let own = rustix::thread::capabilities(None).expect("own capabilities").effective;
    assert_eq!(told.outcome, if own.contains(CapabilitySet::SYS_RESOURCE) { "done" } else { "1" });
}

/// Asks the kernel while only the filter, which does not let a cell ask, is down.
fn no_capability(stage: &Stage) {
    let walls = std::env::var("TOMBOLO_TEST_WALLS").unwrap_or_default();
    // An unprivileged process may not even give up what it could get.
    let bounded = geteuid().is_root() && !walls.contains("user");
    let (verdict, told) = perform(nothing, stage, |_| {
        let sets = rustix::thread::capabilities(None)?;
        assert!(
            sets.effective.is_empty() && sets.permitted.is_empty() && sets.inheritable.is_empty(),
            "{sets:?}"
        );
        // SAFETY: the call takes one number.
        let bounding = |number: &i32| unsafe { libc::prctl(libc::PR_CAPBSET_READ, *number, 0, 0, 0) } == 1;
        assert!(!bounded || (0..41).filter(bounding).count() == 0);
        Ok(())
    });
    assert_eq!((verdict, told.outcome.as_str()), (Verdict::Exited(0), "done"));
}

fn files_belong_to_the_user(stage: &Stage) {
    let (_, told) = perform(folders, stage, |_| std::fs::write(stage.path("rw/new"), ""));
    assert_eq!(told.outcome, "done");
    let new = std::fs::metadata(stage.path("rw/new")).expect("look at the new file");
    assert_eq!((new.uid(), new.gid()), (geteuid().as_raw(), getegid().as_raw()));
}

/// A file that only its owner may read. For another user than root there is nothing to see.
fn opens_as_root(stage: &Stage) {
    if !geteuid().is_root() {
        return;
    }
    let theirs = stage.path("rw/file");
    std::os::unix::fs::chown(&theirs, Some(65534), None).expect("give the file away");
    std::fs::set_permissions(&theirs, PermissionsExt::from_mode(0o600)).expect("close the file");
    let verdict = run_in_cell(&CellPlan::default(), |entered| {
        assert!(std::fs::read(&theirs).is_ok());
        assert!(entered.layers().in_force(Layer::PidNamespace));
        let layers = entered.lock_down(&folders(stage)).expect("lock down");
        assert!(layers.in_force(Layer::UserNamespace), "{layers}");
        u8::from(std::fs::read(&theirs).is_ok())
    });
    assert_eq!(verdict.expect("run a cell"), Verdict::Exited(0));
}

fn first_process(stage: &Stage) {
    let (verdict, told) = perform(nothing, stage, |_| {
        assert_eq!((getpid().as_raw_nonzero().get(), mutex_owner()), (1, 1));
        Ok(())
    });
    assert_eq!((verdict, told.outcome.as_str()), (Verdict::Exited(0), "done"));
}

/// The owner that the C library writes into a recursive lock; both libraries have it in the same place.
fn mutex_owner() -> i32 {
    // SAFETY: the attributes and the lock are initialised before they are used and not moved while they are, and
    // the lock's second and third word are readable.
    unsafe {
        let mut attributes = std::mem::zeroed();
        libc::pthread_mutexattr_init(&mut attributes);
        libc::pthread_mutexattr_settype(&mut attributes, libc::PTHREAD_MUTEX_RECURSIVE);
        let mut lock: libc::pthread_mutex_t = std::mem::zeroed();
        libc::pthread_mutex_init(&mut lock, &attributes);
        libc::pthread_mutex_lock(&mut lock);
        let words = (&raw const lock).cast::<i32>();
        if cfg!(target_env = "musl") { words.add(1).read() & 0x3fff_ffff } else { words.add(2).read() }
    }
}

fn beside_a_thread(check: impl FnOnce()) {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || stopped.recv());
    check();
    drop(stop);
    thread.join().expect("join a thread").expect_err("nothing was sent");
}

fn other_thread(_: &Stage) {
    let verdict = run_in_cell(&CellPlan::default(), |entered| {
        beside_a_thread(|| {
            let locked = entered.lock_down(&Policy::default());
            assert!(matches!(locked, Err(SandboxError::Threads { .. })), "{locked:?}");
        });
        0
    });
    assert_eq!(verdict.expect("run a cell"), Verdict::Exited(0));
}

fn requirement(_: &Stage) {
    let lock = |require: &str| {
        let require: Requirement = require.parse().expect("a requirement");
        run_in_cell(&CellPlan::default(), |entered| {
            match entered.lock_down(&Policy { require, ..Policy::default() }) {
                Ok(_) => 0,
                Err(error @ SandboxError::Missing { .. })
                    if error.to_string().contains("mount (Landlock") =>
                {
                    1
                }
                Err(error) => panic!("{error}"),
            }
        })
    };
    assert_eq!(lock("seccomp,no-new-privs").expect("run a cell"), Verdict::Exited(0));
    assert_eq!(lock("seccomp,mount").expect("run a cell"), Verdict::Exited(1));
}

fn no_cell(_: &Stage) {
    let verdict = run_in_cell(&CellPlan::default(), |_| {
        let layers = lock_down(&Policy::default()).expect("lock down");
        assert!(layers.in_force(Layer::Seccomp) && !layers.in_force(Layer::PidNamespace), "{layers}");
        u8::from(std::fs::read("/proc/self/status").is_ok())
    });
    assert_eq!(verdict.expect("run a cell"), Verdict::Exited(0));
}

/// Inside a user namespace of the test's own, whose number of further ones is set to none.
fn without_user_namespaces(privileged: bool) {
    call(libc::SYS_unshare, [libc::CLONE_NEWUSER as usize]).expect("start a user namespace");
    std::fs::write("/proc/sys/user/max_user_namespaces", "0").expect("forbid further ones");
    if !privileged {
        let none = CapabilitySet::empty();
        let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
        rustix::thread::set_capabilities(None, sets).expect("drop the capabilities");
    }
    let verdict = run_in_cell(&CellPlan::default(), |entered| {
        let layers = entered.lock_down(&Policy::default()).expect("lock down");
        let user = layers.get(Layer::UserNamespace);
        assert!(
            matches!(user, Status::Missing(why) if why.starts_with("refused by the kernel: No space")),
            "{user:?}"
        );
        for layer in [Layer::PidNamespace, Layer::IpcNamespace, Layer::NetNamespace] {
            assert_eq!(layers.in_force(layer), privileged, "{layer}: {:?}", layers.get(layer));
        }
        assert!(layers.in_force(Layer::Landlock) && layers.in_force(Layer::Seccomp));
        0
    });
    assert_eq!(verdict.expect("run a cell"), Verdict::Exited(0));
}

/// As in a container: the call that tells whether this is the only thread is refused, too.
fn under_a_filter(stage: &Stage) {
    let instruction = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut filter = [
        instruction(0x20, 0, 0, 0), // load the number
        instruction(0x15, 0, 1, libc::SYS_unshare as u32),
        instruction(0x06, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        instruction(0x06, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    rustix::thread::set_no_new_privs(true).expect("forbid new privileges");
    call(libc::SYS_seccomp, [libc::SECCOMP_SET_MODE_FILTER as usize, 0, &raw const program as usize])
        .expect("filter");
    other_thread(stage);
    let verdict = run_in_cell(&CellPlan::default(), |entered| {
        let layers = entered.lock_down(&Policy::default()).expect("lock down");
        assert!(matches!(layers.get(Layer::NetNamespace), Status::Missing(_)), "{layers}");
        u8::from(!layers.in_force(Layer::Seccomp))
    });
    assert_eq!(verdict.expect("run a cell"), Verdict::Exited(0));
}

/// What a cell says of itself agrees with what the kernel says of it.
fn report(_: &Stage) {
    let probed = probe();
    let full = probe_fully();
    for (layer, status) in full.iter() {
        assert!(!matches!(status, Status::Available(_)), "{layer} is neither up nor not: {status:?}");
        let claimed = matches!(probed.get(layer), Status::Missing(_));
        assert!(!(claimed && full.in_force(layer)), "{layer}: the probe did not find what is in force");
    }
    let own = std::fs::read_link("/proc/self/ns/pid").expect("the own namespace");
    let verdict = run_in_cell(&CellPlan::default(), |entered| {
        let other = std::fs::read_link("/proc/self/ns/pid").expect("the cell's namespace") != own;
        assert_eq!(entered.layers().in_force(Layer::PidNamespace), other);
        0
    });
    assert_eq!(verdict.expect("run a cell"), Verdict::Exited(0));
    let table = full.to_string();
    assert_eq!(table.lines().count(), Layer::ALL.len());
    assert!(table.lines().all(|line| line.len() > 20 && !line.ends_with(' ')), "{table}");
}

/// The program is a copy of this one that belongs to root, with the bit set that makes whoever starts it root.
fn setuid_program(name: &str, user: User, walls: &[Layer]) -> Result<(), Failed> {
    let folder = tempfile::TempDir::new()?;
    let program = folder.path().join("program");
    std::fs::copy("/proc/self/exe", &program)?;
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755))?;
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o4755))?;
    let output = scenario::output_with(name, user, Some(walls), &[(PROGRAM, program.as_os_str())])?;
    let expected = if name == NEW_RIGHTS { "0" } else { "65534" };
    if output == expected {
        Ok(())
    } else {
        Err(format!("effective user {output}, expected {expected}").into())
    }
}

fn start_setuid_program(stage: &Stage) {
    let program = PathBuf::from(std::env::var_os(PROGRAM).expect("the program"));
    perform(nothing, stage, |_| Err(Command::new(program).env("TOMBOLO_TEST_SCENARIO", PRINT_USER).exec()));
}
