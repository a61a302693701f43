//! What it costs to get a connection from the broker instead of making it: both in turns, to a listener on loopback.
//!
//! `cargo run --release --example handed_over` in `crates/egress`.

use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tombolo_egress::wire::{CellGrants, FunctionGrants, Order};
use tombolo_egress::{Ask, Asker, Broker, Direct, NameConfig, Way};
use tombolo_sandbox::send_fds;
use tombolo_spec::GrantSet;

const ROUNDS: usize = 2000;
const FUNCTION: &str = "app/f";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().nth(1).as_deref() == Some("broker") {
        let node = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
        return Ok(tombolo_egress::broker::run(node)?);
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let line = format!("http GET http://127.0.0.1:{port}/*");
    let grants: GrantSet = [line.parse()?].into_iter().collect();
    let (mut child, broker) = start(&line)?;
    let ways = [Way::Direct(Box::new(Direct::new(&NameConfig::empty())?)), Way::Brokered(broker)];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut times = [Vec::new(), Vec::new()];
    runtime.block_on(async {
        for _ in 0..ROUNDS {
            for (way, times) in ways.iter().zip(&mut times) {
                let begun = Instant::now();
                let asker = Asker { function: FUNCTION, grants: &grants, within: Duration::from_secs(5) };
                let connected = way.connect(asker, ask(port)).await.result;
                times.push(begun.elapsed());
                drop(connected.map_err(|failed| failed.to_string())?);
            }
        }
        Ok::<(), String>(())
    })?;
    let [direct, brokered] = times.map(quartiles);
    let mut out = std::io::stdout().lock();
    use std::io::Write;
    writeln!(out, "a connection     median      p90")?;
    for (name, [median, p90]) in [("made", direct), ("handed over", brokered)] {
        writeln!(out, "{name:<14} {median:>8.1?} {p90:>8.1?}")?;
    }
    child.kill()?;
    child.wait()?;
    Ok(())
}

fn ask(port: u16) -> Ask {
    Ask::Http { method: "GET".into(), secure: false, host: "127.0.0.1".into(), port, path: "/".into() }
}

/// A broker in a process of its own, as the node starts it.
fn start(line: &str) -> Result<(std::process::Child, std::sync::Arc<Broker>), Box<dyn std::error::Error>> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut command = Command::new(std::env::current_exe()?);
    let child = command.arg("broker").stdin(Stdio::from(OwnedFd::from(theirs))).spawn()?;
    let pair = || socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
    let (calls, _gateway) = pair()?;
    tell(&ours, &Order::Calls, &calls)?;
    let (broker, cell) = pair()?;
    let functions = vec![FunctionGrants { name: FUNCTION.into(), grants: vec![line.into()] }];
    let grants = CellGrants { cell: "a cell".into(), tenant: "acme".into(), functions };
    tell(&ours, &Order::Cell(grants), &broker)?;
    // It lives as long as the node's end is open.
    std::mem::forget(ours);
    let broker = Broker::new(cell)?;
    broker.listen()?;
    Ok((child, broker))
}

/// Orders something, as the node does.
fn tell(broker: &UnixStream, order: &Order, socket: &OwnedFd) -> Result<(), Box<dyn std::error::Error>> {
    let order = serde_json::to_vec(order)?;
    send_fds(broker, &u32::try_from(order.len())?.to_be_bytes(), &[socket.as_fd()])?;
    Ok(std::io::Write::write_all(&mut &*broker, &order)?)
}

fn quartiles(mut times: Vec<Duration>) -> [Duration; 2] {
    times.sort_unstable();
    [times[times.len() / 2], times[times.len() * 9 / 10]]
}
