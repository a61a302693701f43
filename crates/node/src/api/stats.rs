//! Live numbers: asked from the cells when somebody wants to know, and from nobody otherwise.

use std::time::{Duration, Instant};

use tombolo_spec::{Name, Observed};

use super::ApiError;
use super::apps::tenant;
use super::call::Call;
use super::types::{FunctionStats, ProcessStats, Stats};
use crate::supervise::Node;
use crate::usage::{self, Usage};

/// The longest time over which rates are measured.
const OVER_MAX: Duration = Duration::from_secs(10);

pub(super) async fn all(call: Call) -> Result<Stats, ApiError> {
    let tenants = call.node.with_state(|state| state.tenants());
    let own = [("node", Some(std::process::id())), ("gateway", call.node.gateway_pid())];
    let own = own.into_iter().filter_map(|(process, pid)| Some(Process { process, tenant: None, pid: pid? }));
    stats(&call, &tenants, own.collect()).await
}

pub(super) async fn of_tenant(call: Call) -> Result<Stats, ApiError> {
    stats(&call, &[tenant(&call)?], Vec::new()).await
}

/// A process that is looked at.
struct Process {
    process: &'static str,
    tenant: Option<Name>,
    pid: u32,
}

/// Everything at one moment.
struct Sample {
    at: Instant,
    usage: Vec<Usage>,
    functions: Vec<(Name, Observed)>,
}

async fn stats(call: &Call, tenants: &[Name], mut processes: Vec<Process>) -> Result<Stats, ApiError> {
    let node = &call.node;
    let cells = tenants.iter().flat_map(|tenant| {
        let cell = |pid| Process { process: "cell", tenant: Some(tenant.clone()), pid };
        node.cell_pids(tenant).into_iter().map(cell)
    });
    processes.extend(cells);
    let over = over(call)?;
    let before = match over {
        None => None,
        Some(over) => {
            let before = sample(node, tenants, &processes).await;
            tokio::time::sleep(over).await;
            Some(before)
        }
    };
    let now = sample(node, tenants, &processes).await;
    let since = before.as_ref().map(|before| (before, (now.at - before.at).as_secs_f64()));
    Ok(Stats {
        over_seconds: since.map(|(_, seconds)| seconds),
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        processes: processes
            .iter()
            .enumerate()
            .map(|(index, process)| of_process(process, index, &now, since))
            .collect(),
        functions: now.functions.iter().filter_map(|function| of_function(function, since)).collect(),
    })
}

/// `over=MILLISECONDS`.
fn over(call: &Call) -> Result<Option<Duration>, ApiError> {
    let Some(text) = call.query("over") else { return Ok(None) };
    let over = text.parse().map(Duration::from_millis).ok();
    let over = over.filter(|over| !over.is_zero() && *over <= OVER_MAX);
    let bad = || {
        ApiError::bad_request(format!("over={text}: write milliseconds, from 1 to {}", OVER_MAX.as_millis()))
    };
    over.ok_or_else(bad).map(Some)
}

async fn sample(node: &Node, tenants: &[Name], processes: &[Process]) -> Sample {
    let asked = tenants.iter().map(|tenant| async move {
        let functions = node.observed(tenant).await;
        functions.into_iter().map(move |observed| (tenant.clone(), observed)).collect::<Vec<_>>()
    });
    let functions = futures::future::join_all(asked).await.into_iter().flatten().collect();
    // A node's children have lines of their own.
    let usage = processes.iter().map(|process| usage::of(process.pid, process.process == "node"));
    Sample { usage: usage.collect(), functions, at: Instant::now() }
}

fn of_process(process: &Process, index: usize, now: &Sample, since: Option<(&Sample, f64)>) -> ProcessStats {
    let cpu = since.map(|(before, seconds)| {
        now.usage[index].cpu.saturating_sub(before.usage[index].cpu).as_secs_f64() / seconds
    });
    ProcessStats {
        process: process.process.to_owned(),
        tenant: process.tenant.as_ref().map(ToString::to_string),
        pid: process.pid,
        cpu,
        memory_bytes: now.usage[index].memory_bytes,
    }
}

fn of_function((tenant, now): &(Name, Observed), since: Option<(&Sample, f64)>) -> Option<FunctionStats> {
    let (app, function) = now.function.split_once('/')?;
    // What was not there before began with nothing.
    let nothing = Observed::default();
    let since = since.map(|(sample, seconds)| {
        let before = sample
            .functions
            .iter()
            .find(|(other, before)| other == tenant && before.function == now.function);
        (before.map_or(&nothing, |(_, before)| before), seconds)
    });
    let per_second = |count: &dyn Fn(&Observed) -> u64| {
        since.map(|(before, seconds)| count(now).saturating_sub(count(before)) as f64 / seconds)
    };
    let latency = since.map_or(now.latency, |(before, _)| now.latency.since(&before.latency));
    Some(FunctionStats {
        tenant: tenant.to_string(),
        app: app.to_owned(),
        function: function.to_owned(),
        revision: now.revision.parse().unwrap_or_default(),
        requests: now.requests(),
        errors: now.answered[4],
        rate: per_second(&Observed::requests),
        error_rate: per_second(&|observed| observed.answered[4]),
        p50_us: latency.quantile_us(0.5),
        p90_us: latency.quantile_us(0.9),
        p99_us: latency.quantile_us(0.99),
        cpu: per_second(&|observed| observed.cpu_us).map(|us| us / 1e6),
        memory_bytes: now.memory_bytes,
        running: now.running,
        waiting: now.waiting,
        refusals: now.refusals(),
        lines_dropped: now.lines_dropped,
    })
}
