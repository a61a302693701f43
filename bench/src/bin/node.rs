//! What a node costs: requests through its gateway and by a listener of a tenant's own beside `tombolo serve`, tenants at
//! rest, deploys.
//!
//! `bench-node [SECONDS [ROUNDS [TENANTS [APPS]]]]`; `bench/node` prepares everything and calls it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tombolo_bench::client::Client;
use tombolo_bench::load::{self, Target};
use tombolo_bench::memory;
use tombolo_bench::node::{App, Node};
use tombolo_bench::peers::Peers;
use tombolo_bench::servers::{Kind, Place, SCENARIOS, free_port};
use tombolo_bench::stats::{median, paired_ratio};
use tombolo_bench::{cpus, table};

const CONNECTIONS: usize = 32;
/// How long a node is looked at that has nothing to do, after so long a time to come to rest.
const IDLE: Duration = Duration::from_secs(10);
const REST: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(120);
const DEPLOYS: usize = 5;

struct Bench {
    peers: Peers,
    seconds: u32,
    rounds: usize,
    tenants: usize,
    apps: usize,
    server_cpu: usize,
    rows: Vec<Vec<String>>,
}

fn main() -> anyhow::Result<()> {
    let args: Vec<usize> = std::env::args()
        .skip(1)
        .map(|arg| arg.parse())
        .collect::<Result<_, _>>()
        .context("usage: bench-node [SECONDS [ROUNDS [TENANTS [APPS]]]]")?;
    let arg = |at: usize, default: usize| args.get(at).copied().unwrap_or(default);
    let cpus = cpus::allowed();
    let load_cpu = *cpus.last().context("no processor")?;
    let mut bench = Bench {
        peers: Peers::from_env()?,
        seconds: u32::try_from(arg(0, 2))?,
        rounds: arg(1, 3),
        tenants: arg(2, 100),
        apps: arg(3, 10),
        server_cpu: *cpus.first().context("no processor")?,
        rows: Vec::new(),
    };
    bench.empty()?;
    bench.deploys()?;
    bench.at_rest()?;
    cpus::pin_to(load_cpu)?;
    bench.requests()?;
    println!("{}", table::render(&["measure", "value", "aim"], &bench.rows));
    println!(
        "Requests: {} rounds of {} s, {CONNECTIONS} connections, hello; server on processor {}, load on {load_cpu}. Ratios are \
         medians over rounds. Memory is proportional (PSS).",
        bench.rounds, bench.seconds, bench.server_cpu
    );
    Ok(())
}

impl Bench {
    fn row(&mut self, measure: impl Into<String>, value: String, aim: &str) {
        let measure = measure.into();
        eprintln!("{measure}: {value}");
        self.rows.push(vec![measure, value, aim.to_owned()]);
    }

    fn guest(&self, name: &str) -> PathBuf {
        self.peers.guest(name).into()
    }

    /// A node without apps.
    fn empty(&mut self) -> anyhow::Result<()> {
        let node = Node::start(&self.peers, &every_cpu())?;
        std::thread::sleep(REST);
        let held = node.server.memory();
        self.row("a node without apps: memory", mebibytes(held.pss), "15 MiB");
        self.idle(&node, "a node without apps");
        Ok(())
    }

    /// From the command to the first answer, with and without compiled code; the latter as another app.
    fn deploys(&mut self) -> anyhow::Result<()> {
        let node = Node::start(&self.peers, &every_cpu())?;
        let (mut cold, mut cached) = (Vec::new(), Vec::new());
        for round in 0..DEPLOYS {
            let component = padded(&self.guest("rust-http-hello"), 1 << 20, round)?;
            for (kind, times) in [("cold", &mut cold), ("cached", &mut cached)] {
                times.push(first_answer(&node, &format!("{kind}-{round}"), component.path())?);
            }
        }
        let milliseconds = |times: &[f64]| format!("{:.0} ms", median(times) * 1e3);
        let what = "deploy of 1 MiB (0.3 of it code) to first answer";
        self.row(format!("{what}: compiled for it"), milliseconds(&cold), "1000 ms");
        self.row(format!("{what}: compiled before"), milliseconds(&cached), "100 ms");
        Ok(())
    }

    fn at_rest(&mut self) -> anyhow::Result<()> {
        let node = Node::start(&self.peers, &every_cpu())?;
        let empty = node.server.memory();
        let component = self.guest("rust-http-bare");
        for tenant in 0..self.tenants {
            eprint!("\rtenant {tenant} of {} …", self.tenants);
            let tenant = format!("t{tenant}");
            node.add_tenant(&tenant)?;
            for app in 0..self.apps {
                let on = format!("http GET /{tenant}/{app}/*");
                node.apply(&App {
                    tenant: &tenant,
                    name: &format!("a{app}"),
                    component: &component,
                    on: &on,
                })?;
            }
        }
        eprintln!();
        let what = format!("{} tenants of {} apps", self.tenants, self.apps);
        let begun = Instant::now();
        let node = node.again(&self.peers, &every_cpu())?;
        while node.serving()? < self.tenants * self.apps {
            ensure!(begun.elapsed() < PATIENCE, "not all apps came back");
            std::thread::sleep(Duration::from_millis(50));
        }
        let back = begun.elapsed();
        self.row(format!("{what}: from kill -9 until all serve"), format!("{:.1} s", back.as_secs_f64()), "");
        std::thread::sleep(REST);
        let held = node.server.memory();
        let each = held.pss.saturating_sub(empty.pss) / u64::try_from(self.tenants)?;
        self.row(format!("{what}: memory for each tenant"), mebibytes(each), "4 MiB");
        self.idle(&node, &what);
        Ok(())
    }

    /// What a node does that has nothing to do.
    fn idle(&mut self, node: &Node, what: &str) {
        let look = || (memory::wakes_of_tree(node.server.id()), memory::written_of_tree(node.server.id()));
        let before = look();
        std::thread::sleep(IDLE);
        let after = look();
        let wakes = after.0.saturating_sub(before.0) as f64 / IDLE.as_secs_f64();
        self.row(format!("{what}: wake-ups a second, all threads"), format!("{wakes:.1}"), "0");
        let written = after.1.saturating_sub(before.1);
        self.row(format!("{what}: bytes written in {} s", IDLE.as_secs()), written.to_string(), "0");
    }

    fn requests(&mut self) -> anyhow::Result<()> {
        let cpu = self.server_cpu.to_string();
        let port = free_port()?;
        let place = Place { cpu: self.server_cpu, port, upstream: "http://127.0.0.1:9/" };
        let _serve = Kind::Tombolo.start(&self.peers, SCENARIOS[0], place)?;
        let node = Node::start(&self.peers, &cpu)?;
        let component = self.guest(SCENARIOS[0].guest);
        node.apply(&App { tenant: "default", name: "hello", component: &component, on: "http * /hello" })?;
        node.add_tenant("own")?;
        node.apply(&App { tenant: "own", name: "hello", component: &component, on: "http * /*" })?;
        let urls = [
            format!("http://127.0.0.1:{port}/"),
            format!("http://127.0.0.1:{}/", node.own_port),
            format!("http://127.0.0.1:{}/hello", node.port),
        ];
        let mut rates = [const { Vec::new() }; 3];
        for round in 0..self.rounds {
            for turn in 0..urls.len() {
                let at = (turn + round) % urls.len();
                let load = load::closed(
                    Target { url: &urls[at], body_bytes: 0, paths: 0 },
                    CONNECTIONS,
                    self.seconds,
                )?;
                ensure!(load.failed == 0, "{}: {} requests failed", urls[at], load.failed);
                rates[at].push(load.rate);
            }
        }
        let [serve, own, gateway] = &rates;
        self.row("tombolo serve: requests/s", format!("{:.0}", median(serve)), "");
        for (name, rates, aim) in
            [("a listener of the tenant's own", own, "1.0×"), ("through the gateway", gateway, "0.7×")]
        {
            let value = format!("{:.0}, {:.2}×", median(rates), paired_ratio(rates, serve));
            self.row(format!("{name}: requests/s"), value, aim);
        }
        Ok(())
    }
}

/// Deploys a program as an app of its own, and asks until it answers; in seconds.
fn first_answer(node: &Node, name: &str, component: &Path) -> anyhow::Result<f64> {
    let (path, on) = (format!("/{name}/"), format!("http * /{name}/*"));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let applied = scope.spawn(|| node.apply(&App { tenant: "default", name, component, on: &on }));
        let mut client = Client::new(node.port, PATIENCE);
        while client.get(&path).is_ok_and(|(status, _)| status == 404 || status == 503) {
            ensure!(begun.elapsed() < PATIENCE, "{name} does not answer");
            std::thread::sleep(Duration::from_millis(1));
        }
        let answered = begun.elapsed().as_secs_f64();
        applied.join().map_err(|_| anyhow::anyhow!("a thread panicked"))??;
        Ok(answered)
    })
}

/// A copy of a program that is no other's: at least so large, and with a section of its own.
fn padded(program: &Path, bytes: usize, number: usize) -> anyhow::Result<tempfile::NamedTempFile> {
    let mut code = std::fs::read(program)?;
    // A custom section (id 0): its size, and a name of one byte, the rest is content.
    let content = bytes.saturating_sub(code.len()).max(64);
    let mut section = vec![0];
    leb128(&mut section, content + 2);
    section.extend([1, b'n']);
    section.extend((0..content).map(|at| if at < 8 { (number >> (8 * at)) as u8 } else { 0 }));
    code.extend(section);
    let file = tempfile::Builder::new().suffix(".wasm").tempfile()?;
    std::fs::write(file.path(), code)?;
    Ok(file)
}

fn leb128(to: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        to.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn every_cpu() -> String {
    cpus::allowed().iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
