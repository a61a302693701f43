//! A cell that was taken over, against the kernel's walls: it runs what it likes, and gets at nothing of others.

use std::path::{Path, PathBuf};

use crate::attacker::{Answer, Arg, Attacker, guest};
use crate::world::{App, Node, path, runs};

const NOT_PERMITTED: i64 = -(libc::EPERM as i64);
const SECRET: &str = "the neighbour's secret";

/// A node whose tenant `acme` has an app with data and a secret, beside a tenant that has taken over its cell.
fn beside_a_neighbour() -> Node {
    let node = Node::start_without_first_wall();
    for tenant in ["acme", "evil"] {
        node.run(&["tenant", "add", tenant]).exits(0);
    }
    let secrets = node.folder.path().join("config/secrets/acme");
    std::fs::create_dir_all(&secrets).expect("a folder");
    std::fs::write(secrets.join("password"), SECRET).expect("a secret");
    let grants = "\"kv notes read-write\", \"secret password\"";
    node.apply(&App { tenant: "acme", grants, ..App::saying("web", "http * /acme/*", "well") }).exits(0);
    node
}

/// The neighbour answers, and the node is the one it was.
#[track_caller]
fn all_is_well(node: &Node) {
    assert_eq!(node.get("/acme/"), (200, "well".into()));
    assert!(runs(node.pid()));
    assert!(node.status()["gateway"].is_number());
}

/// What is not the attacker's, as far as it is there.
fn paths_of_others(node: &Node) -> Vec<PathBuf> {
    let root = node.folder.path();
    let mut paths =
        vec![PathBuf::from("/"), "/etc/passwd".into(), "/proc/1/environ".into(), "/dev/zero".into()];
    paths.extend(["/proc/self/mem", "/proc/self/maps", "/proc/self/fd/0"].map(PathBuf::from));
    paths.push(format!("/proc/{}/environ", node.pid()).into());
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path.clone());
            }
            if !path.starts_with(root.join("state/data/evil/evil/kv")) {
                paths.push(path);
            }
        }
    }
    paths
}

#[test]
fn a_taken_over_cell_opens_its_own_files_and_no_others() {
    let node = beside_a_neighbour();
    let attacker = Attacker::enter(&node, "evil", "\"kv own read-write\"");
    let own = node.state().join("data/evil/evil/kv/own");
    assert!(attacker.open(path(&own), libc::O_RDONLY) >= 0, "the attack itself works");
    let new = own.join("new");
    assert!(attacker.open(path(&new), libc::O_CREAT | libc::O_RDWR) >= 0, "also where it writes");
    let others = paths_of_others(&node);
    let named = |name: &str| others.iter().any(|path| path.ends_with(name));
    assert!(["state.db", "api.sock", "password", "ceiling.toml"].map(named)[..3] == [true; 3], "{others:?}");
    for other in &others {
        for flags in [libc::O_RDONLY, libc::O_RDWR, libc::O_PATH] {
            let opened = attacker.open(path(other), flags);
            // A place can be named by `O_PATH`, and then neither be read nor listed.
            if flags == libc::O_PATH && opened >= 0 {
                let read =
                    attacker.result(libc::SYS_getdents64, &[Arg::Number(opened), Arg::Bytes(&[0; 64])]);
                assert!(read < 0, "{} was listed", other.display());
                let read = attacker.result(libc::SYS_read, &[Arg::Number(opened), Arg::Bytes(&[0; 64])]);
                assert!(read < 0, "{} was read", other.display());
                attacker.result(libc::SYS_close, &[Arg::Number(opened)]);
                continue;
            }
            assert!(opened < 0, "{} was opened with {flags:#x}", other.display());
        }
    }
    for (from, to) in [("state.db", "stolen"), ("artifacts", "stolen")] {
        let (from, to) = (node.state().join(from), own.join(to));
        let names = [path(&from), path(&to)].map(|path| format!("{path}\0"));
        let here = Arg::Number(libc::AT_FDCWD.into());
        let [from, to] = [&names[0], &names[1]].map(|name| Arg::Bytes(name.as_bytes()));
        assert!(attacker.result(libc::SYS_linkat, &[here, from, here, to]) < 0);
        assert!(attacker.result(libc::SYS_renameat2, &[here, from, here, to]) < 0);
    }
    all_is_well(&node);
}

#[test]
fn a_taken_over_cell_without_file_grants_opens_nothing_at_all() {
    let node = beside_a_neighbour();
    let attacker = Attacker::enter(&node, "evil", "");
    for other in paths_of_others(&node) {
        assert_eq!(attacker.open(path(&other), libc::O_RDONLY), NOT_PERMITTED, "{}", other.display());
    }
    all_is_well(&node);
}

#[test]
fn a_taken_over_cell_makes_no_socket_and_reaches_none() {
    let node = beside_a_neighbour();
    let attacker = Attacker::enter(&node, "evil", "\"kv own read-write\"");
    for family in 0..=46 {
        for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_RAW, libc::SOCK_SEQPACKET] {
            let made = attacker.result(libc::SYS_socket, &[Arg::Number(family), Arg::Number(kind.into())]);
            assert_eq!(made, NOT_PERMITTED, "family {family}, type {kind}");
        }
    }
    let pair = |kind: i32| {
        let kind = Arg::Number(kind.into());
        let domain = Arg::Number(libc::AF_UNIX.into());
        attacker.call(libc::SYS_socketpair, &[domain, kind, Arg::Number(0), Arg::Bytes(&[0; 8])])
    };
    // A datagram socket, also one of a pair, can send to any name in the file system.
    for kind in [libc::SOCK_DGRAM, libc::SOCK_SEQPACKET, libc::SOCK_RAW] {
        let Some(Answer { result, .. }) = pair(kind) else { panic!("it ended over a pair") };
        assert_eq!(result, NOT_PERMITTED, "a pair of type {kind}");
    }
    let stream = pair(libc::SOCK_STREAM).expect("a pair");
    assert_eq!(stream.result, 0, "the event loop has such a pair");
    let stream = Arg::Number(i32::from_le_bytes(stream.bytes[..4].try_into().expect("four bytes")).into());
    let theirs = std::fs::read_dir(node.folder.path().join("run/cells")).expect("readable");
    let sockets = theirs.map(|entry| entry.expect("readable").path());
    for socket in sockets.chain([node.folder.path().join("run/api.sock")]) {
        let mut address = (libc::AF_UNIX as u16).to_le_bytes().to_vec();
        address.extend_from_slice(path(&socket).as_bytes());
        address.push(0);
        let (to, length) = (Arg::Bytes(&address), Arg::Number(address.len() as i64));
        assert_eq!(attacker.result(libc::SYS_connect, &[stream, to, length]), NOT_PERMITTED);
        assert_eq!(attacker.result(libc::SYS_bind, &[stream, to, length]), NOT_PERMITTED);
        let text = Arg::Bytes(b"GET /v1/apps HTTP/1.1\r\n\r\n");
        let sent =
            attacker.result(libc::SYS_sendto, &[stream, text, Arg::Number(24), Arg::Number(0), to, length]);
        assert!(sent < 0, "{} was sent to: {sent}", socket.display());
    }
    all_is_well(&node);
}

#[test]
fn a_taken_over_cell_holds_no_descriptor_of_others() {
    let node = beside_a_neighbour();
    let attacker = Attacker::enter(&node, "evil", "\"kv own read-write\"");
    assert_eq!(attacker.result(libc::SYS_getpid, &[]), 1, "in a process namespace of its own");
    let own = node.state().join("data/evil/evil/kv/own");
    let mut codes = 0;
    for cell in node.cells_of("evil").into_iter().flat_map(children_of) {
        for entry in std::fs::read_dir(format!("/proc/{cell}/fd")).expect("its descriptors") {
            let entry = entry.expect("readable");
            let target = std::fs::read_link(entry.path()).expect("open");
            if target == Path::new(&format!("/proc/{cell}/pagemap")) {
                let descriptor = entry.file_name().to_str().and_then(|name| name.parse().ok());
                hides_where_pages_are(&attacker, cell, descriptor.expect("a number"));
                continue;
            }
            if target.starts_with(node.state().join("compiled")) {
                let descriptor = entry.file_name();
                let info = std::fs::read_to_string(format!("/proc/{cell}/fdinfo/{}", descriptor.display()));
                let flags = info
                    .expect("readable")
                    .lines()
                    .find_map(|line| line.strip_prefix("flags:")?.trim().chars().last());
                assert_eq!(flags, Some('0'), "{} is open to be read alone", target.display());
                codes += 1;
                continue;
            }
            let text = path(&target);
            let kinds = ["pipe:", "socket:", "anon_inode:", "/memfd:wasm-memory-image"];
            let is_own = target.starts_with(&own) || kinds.iter().any(|kind| text.starts_with(kind));
            assert!(is_own || target == Path::new("/dev/null"), "it holds {text}");
        }
    }
    assert_eq!(codes, 1, "it has the code of its one function");
    all_is_well(&node);
}

#[test]
fn a_taken_over_cell_with_a_network_grant_makes_no_socket_either() {
    let node = beside_a_neighbour();
    let attacker = Attacker::enter(&node, "evil", "\"http GET https://example.com/*\"");
    for family in [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK, libc::AF_PACKET] {
        for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM] {
            let arguments = [family, kind].map(|number| Arg::Number(number.into()));
            assert_eq!(attacker.result(libc::SYS_socket, &arguments), NOT_PERMITTED, "family {family}");
        }
    }
    all_is_well(&node);
}

/// The engine asks its own page map which pages are dirty; where they are in the machine is nobody's business.
fn hides_where_pages_are(attacker: &Attacker<'_>, cell: u32, descriptor: i64) {
    const PLACE: u64 = (1 << 55) - 1;
    const PRESENT: u64 = 1 << 63;
    let maps = std::fs::read_to_string(format!("/proc/{cell}/maps")).expect("its memory");
    let mut seen = 0;
    for line in maps.lines().take(40) {
        let start = line.split('-').next().and_then(|start| i64::from_str_radix(start, 16).ok());
        let offset = Arg::Number(start.expect("an address") / 4096 * 8);
        let arguments = [Arg::Number(descriptor), Arg::Bytes(&[0; 8]), Arg::Number(8), offset];
        let answer = attacker.call(libc::SYS_pread64, &arguments).expect("an answer");
        assert_eq!(answer.result, 8);
        let entry = u64::from_le_bytes(answer.bytes.try_into().expect("eight bytes"));
        assert_eq!(entry & PLACE, 0, "{entry:#x}");
        seen += u32::from(entry & PRESENT != 0);
    }
    assert!(seen > 0, "it tells which pages are there");
}

#[test]
fn a_taken_over_cell_starts_signals_and_traces_nobody() {
    let node = beside_a_neighbour();
    let attacker = Attacker::enter(&node, "evil", "\"kv own read-write\"");
    let neighbour = i64::from(node.cells_of("acme")[0]);
    let number = Arg::Number;
    for target in [i64::from(node.pid()), neighbour, -1, 0] {
        for (call, arguments) in [
            (libc::SYS_kill, vec![number(target), number(9)]),
            (libc::SYS_tkill, vec![number(target), number(9)]),
            (libc::SYS_tgkill, vec![number(target), number(target), number(9)]),
            (libc::SYS_rt_sigqueueinfo, vec![number(target), number(9), Arg::Bytes(&[0; 128])]),
            (libc::SYS_pidfd_open, vec![number(target), number(0)]),
            (libc::SYS_setpriority, vec![number(0), number(target), number(19)]),
            (libc::SYS_sched_setaffinity, vec![number(target), number(8), Arg::Bytes(&[1; 8])]),
            (libc::SYS_prlimit64, vec![number(target), number(7), Arg::Bytes(&[0; 16])]),
        ] {
            let result = attacker.result(call, &arguments);
            assert_eq!(result, NOT_PERMITTED, "call {call} of process {target}");
        }
    }
    let shell = Arg::Bytes(b"/bin/sh\0");
    for (call, arguments) in [
        (libc::SYS_execve, vec![shell, number(0), number(0)]),
        (libc::SYS_ptrace, vec![number(16), number(neighbour)]),
        (libc::SYS_process_vm_readv, vec![number(neighbour)]),
        (libc::SYS_unshare, vec![number(libc::CLONE_NEWUSER.into())]),
    ] {
        let came_back = attacker.call(call, &arguments).map(|answer| answer.result);
        assert!(came_back.is_none_or(|result| result == NOT_PERMITTED), "call {call}: {came_back:?}");
        all_is_well(&node);
        node.until("the cell is back", || attacker.call(libc::SYS_getpid, &[]).is_some());
    }
    let fork = attacker.result(libc::SYS_clone, &[number(libc::SIGCHLD.into())]);
    assert_eq!(fork, NOT_PERMITTED);
}

#[test]
fn a_taken_over_cell_maps_no_code() {
    let node = beside_a_neighbour();
    let attacker = Attacker::enter(&node, "evil", "");
    let map = |protection: i32| {
        let flags = i64::from(libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let arguments = [0, 4096, protection.into(), flags, -1, 0].map(Arg::Number);
        attacker.result(libc::SYS_mmap, &arguments)
    };
    assert_eq!(map(libc::PROT_READ | libc::PROT_EXEC), NOT_PERMITTED);
    let data = map(libc::PROT_READ | libc::PROT_WRITE);
    assert!(data > 0);
    let protection = Arg::Number((libc::PROT_READ | libc::PROT_EXEC).into());
    let arguments = [Arg::Number(data), Arg::Number(4096), protection];
    assert_eq!(attacker.result(libc::SYS_mprotect, &arguments), NOT_PERMITTED);
    all_is_well(&node);
}

#[test]
fn a_taken_over_cell_may_say_what_it_likes_to_the_node() {
    let node = beside_a_neighbour();
    let attacker = Attacker::enter(&node, "evil", "");
    let before = descriptors(&node);
    let say = |descriptor: i64, text: &[u8]| {
        let arguments = [Arg::Number(descriptor), Arg::Bytes(text), Arg::Number(text.len() as i64)];
        assert_eq!(attacker.result(libc::SYS_write, &arguments), text.len() as i64);
    };
    let (channel, log) = (0, 2);
    say(channel, b"{\"ready\":{\"layers\":\"none\"}}\n");
    say(channel, b"{\"failed\":{\"app\":\"web\",\"reason\":\"acme\"}}\n");
    say(channel, b"no JSON at all\n\xff\xfe\n");
    for _ in 0..40 {
        say(log, &[b'x'; 100_000]);
    }
    say(log, b"\n{\"event\":\"request\",\"function\":\"web/web\",\"refusal\":\"trap\"}\n");
    all_is_well(&node);
    assert!(
        node.run(&["logs", "web", "--tenant", "acme"])
            .exits(0)
            .stdout
            .lines()
            .all(|line| !line.contains("xxx"))
    );
    node.until("nothing is left open", || descriptors(&node) <= before);
    node.apply(&App { tenant: "acme", ..App::saying("more", "http * /more/*", "more") }).exits(0);
}

#[test]
fn the_program_that_people_install_has_no_such_hole() {
    let node = Node::start();
    let app = App { wat: guest(), ..App::saying("evil", "http * /evil/*", "") };
    node.apply(&app).exits(125).says("unknown import: `escape::syscall`");
}

fn descriptors(node: &Node) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", node.pid())).expect("its descriptors").count()
}

/// The processes that a process has started, and itself.
pub(crate) fn children_of(process: u32) -> Vec<u32> {
    let text =
        std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    text.split_whitespace().map(|child| child.parse().expect("a number")).chain([process]).collect()
}
