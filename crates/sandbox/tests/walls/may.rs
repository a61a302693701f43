//! What a cell may still do with all walls up; otherwise a filter that refuses everything would pass.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat};
use tombolo_sandbox::{Layer, Network, Policy, Verdict, recv_fds};

use crate::act::{call, nothing};
use crate::scenario::{self, perform};
use crate::stage::{SECRET, Stage, folders, given_sockets};
use crate::user::User;

/// A name, the policy, the act, and how the cell ends.
type May = (&'static str, fn(&Stage) -> Policy<'_>, fn(&Stage) -> io::Result<()>, Verdict);

const WELL: Verdict = Verdict::Exited(0);

const MAY: &[May] = &[
    ("may start threads, wait and measure time", nothing, threads, WELL),
    ("may ask for memory and random numbers", nothing, memory, WELL),
    ("may handle a trap on another stack", nothing, trap, Verdict::Exited(7)),
    ("may abort", nothing, |_| std::process::abort(), Verdict::Signaled(libc::SIGABRT)),
    ("may read what is granted", folders, read, WELL),
    ("may write what is granted", folders, write, WELL),
    ("may rename and link between granted folders", folders, rename, WELL),
    ("may connect to a granted port", tcp_to_sentinel, connect, WELL),
    ("may listen on a granted port", any_tcp, listen, WELL),
    ("may send datagrams with UDP granted", udp, datagram, WELL),
    ("may map code if code comes late", late_code, code, WELL),
    ("may receive a socket and use it", given_sockets, receive, WELL),
    ("may watch its own pages", nothing, scan_pages, WELL),
];

pub(crate) fn trials(user: User) -> impl Iterator<Item = Trial> {
    MAY.iter().map(move |(name, ..)| Trial::test(format!("{user}: a cell {name}"), move || check(name, user)))
}

fn check(name: &str, user: User) -> Result<(), Failed> {
    let output = scenario::output(name, user, None)?;
    if output.trim_end() == "as expected" { Ok(()) } else { Err(output.into()) }
}

pub(crate) fn run(name: &str, stage: &Stage) -> bool {
    let Some((_, policy, act, expected)) = MAY.iter().find(|may| may.0 == name) else { return false };
    let (verdict, told) = perform(*policy, stage, |_| act(stage));
    let well = verdict == *expected && (told.outcome == "done" || *expected != WELL);
    let in_force = |layer: Layer| told.in_force.split(',').any(|name| name == layer.name());
    if well && in_force(Layer::NoNewPrivs) {
        println!("as expected");
    } else {
        println!("{verdict:?}, error {:?}, in force {}", told.outcome, told.in_force);
    }
    true
}

fn threads(_: &Stage) -> io::Result<()> {
    let before = std::time::Instant::now();
    let threads: Vec<_> =
        (0..8).map(|_| std::thread::spawn(|| std::thread::sleep(Duration::from_millis(1)))).collect();
    threads.into_iter().for_each(|thread| thread.join().expect("join a thread"));
    assert!(before.elapsed() >= Duration::from_millis(1));
    let thread = std::thread::Builder::new().name("named".into()).spawn(rustix::thread::gettid)?;
    assert_ne!(thread.join().expect("join a thread"), rustix::thread::gettid());
    Ok(())
}

fn memory(_: &Stage) -> io::Result<()> {
    let mut large = vec![1_u8; 64 << 20];
    large.extend(vec![2; 64 << 20]);
    let mut random = [0; 32];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    assert_ne!(random, [0; 32]);
    Ok(())
}

/// As the engine does it: a fault in guest code becomes a signal, and the handler goes on elsewhere.
fn trap(_: &Stage) -> io::Result<()> {
    extern "C" fn handled(_: i32) {
        // SAFETY: _exit has no preconditions.
        unsafe { libc::_exit(7) }
    }
    let stack = vec![0_u8; 64 << 10].leak();
    let stack = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
    // SAFETY: the stack lives as long as the process, the handler makes one call that a handler may make, and all
    // zeroes are a valid action. The faulting write is to a page that nobody has.
    unsafe {
        libc::sigaltstack(&stack, std::ptr::null_mut());
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handled as *const () as usize;
        action.sa_flags = libc::SA_ONSTACK;
        libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut());
        std::ptr::without_provenance_mut::<u8>(8).write_volatile(1);
    }
    Err(io::Error::from_raw_os_error(libc::EFAULT))
}

fn read(stage: &Stage) -> io::Result<()> {
    assert_eq!(std::fs::read_to_string(stage.path("ro/file"))?, SECRET);
    assert_eq!(std::fs::read_dir(stage.path("ro"))?.count(), 1);
    Ok(())
}

fn write(stage: &Stage) -> io::Result<()> {
    std::fs::write(stage.path("rw/new"), "text")?;
    rustix::fs::mkdirat(&stage.read_write, "folder", Mode::RWXU)?;
    let file =
        openat(&stage.read_write, "folder/file", OFlags::CREATE | OFlags::RDWR, Mode::RUSR | Mode::WUSR)?;
    let mut file = std::fs::File::from(file);
    file.write_all(SECRET.as_bytes())?;
    file.set_len(3)?;
    file.sync_all()?;
    rustix::fs::unlinkat(&stage.read_write, "folder/file", AtFlags::empty())?;
    rustix::fs::unlinkat(&stage.read_write, "folder", AtFlags::REMOVEDIR)?;
    Ok(())
}

fn rename(stage: &Stage) -> io::Result<()> {
    let fd = &stage.read_write;
    rustix::fs::renameat(fd, "one/file", fd, "two/moved")?;
    rustix::fs::linkat(fd, "two/moved", fd, "one/link", AtFlags::empty())?;
    rustix::fs::symlinkat("two/moved", fd, "link")?;
    assert_eq!(std::fs::read_to_string(stage.path("rw/link"))?, SECRET);
    rustix::fs::renameat(CWD, stage.path("rw/one"), CWD, stage.path("rw/two/one"))?;
    Ok(())
}

fn tcp_to_sentinel(stage: &Stage) -> Policy<'_> {
    let port = stage.tcp.local_addr().expect("the sentinel's address").port();
    Policy { network: Network::Tcp { connect: vec![port], bind: vec![], any: false }, ..Policy::default() }
}

fn connect(stage: &Stage) -> io::Result<()> {
    TcpStream::connect(stage.tcp.local_addr()?)?.write_all(b"x")
}

fn any_tcp(_: &Stage) -> Policy<'_> {
    Policy { network: Network::Tcp { connect: vec![], bind: vec![], any: true }, ..Policy::default() }
}

fn listen(_: &Stage) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    client.set_nodelay(true)?;
    client.write_all(SECRET.as_bytes())?;
    drop(client);
    let mut text = String::new();
    listener.accept()?.0.read_to_string(&mut text)?;
    assert_eq!(text, SECRET);
    Ok(())
}

fn udp(stage: &Stage) -> Policy<'_> {
    Policy { udp: true, ..any_tcp(stage) }
}

fn datagram(stage: &Stage) -> io::Result<()> {
    UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", stage.udp.local_addr()?).map(drop)
}

fn late_code(_: &Stage) -> Policy<'_> {
    Policy { late_code: true, ..Policy::default() }
}

fn code(_: &Stage) -> io::Result<()> {
    let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as usize;
    call(libc::SYS_mmap, [0, 4096, (libc::PROT_READ | libc::PROT_EXEC) as usize, flags, usize::MAX, 0])
        .map(drop)
}

fn receive(stage: &Stage) -> io::Result<()> {
    let mut data = [0; 16];
    let (length, fds) = recv_fds(&stage.mail, &mut data)?;
    assert_eq!((&data[..length], fds.len()), (&b"listener"[..], 1));
    assert_ne!(fds[0].as_raw_fd(), stage.tcp.as_raw_fd());
    // Nobody connects, and the listener does not wait.
    let listener = TcpListener::from(fds.into_iter().next().expect("one descriptor"));
    assert_eq!(listener.accept().expect_err("no connection").kind(), io::ErrorKind::WouldBlock);
    Ok(())
}

/// The call itself must pass the filter; the kernel then says that the descriptor is not a page map.
fn scan_pages(stage: &Stage) -> io::Result<()> {
    let argument = [0_u8; 96];
    match call(libc::SYS_ioctl, [stage.net.as_raw_fd() as usize, 0xC060_6610, argument.as_ptr() as usize]) {
        Err(error) if error.raw_os_error() == Some(libc::ENOTTY) => Ok(()),
        other => Err(io::Error::other(format!("{other:?}"))),
    }
}
