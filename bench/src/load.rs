//! Load from programs that nobody here wrote: wrk as fast as the server answers, oha at a fixed rate.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::run::Invocation;

/// What a load generator saw: requests a second, latencies in seconds, and answers that were no success.
#[derive(Clone, Copy)]
pub struct Load {
    pub rate: f64,
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub failed: u64,
}

/// A request that is sent again and again.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    pub url: &'a str,
    pub body_bytes: usize,
    /// Ask `/f0`, `/f1`, … below this number at random instead of the URL's own path; 0 does not.
    pub paths: usize,
}

/// As many requests as `connections` get answered one after the other.
///
/// # Errors
/// When wrk can't be run or its report can't be read.
pub fn closed(target: Target<'_>, connections: usize, seconds: u32) -> anyhow::Result<Load> {
    let mut script = tempfile::Builder::new().suffix(".lua").tempfile()?;
    script.write_all(lua(target).as_bytes())?;
    let path = script.path().display().to_string();
    let (connections, duration) = (format!("-c{connections}"), format!("-d{seconds}s"));
    let report = Invocation::new(
        "wrk",
        &["-t1", &connections, &duration, "--timeout", "10s", "-s", &path, target.url],
    )
    .output()?;
    let result =
        report.lines().find_map(|line| line.strip_prefix("RESULT ")).context("wrk reported nothing")?;
    let numbers: Vec<f64> = result.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    ensure!(numbers.len() == 6, "wrk reported {result:?}");
    let micros = |at: usize| numbers[at] / 1e6;
    Ok(Load {
        rate: numbers[0] / micros(1),
        p50: micros(2),
        p99: micros(3),
        p999: micros(4),
        failed: numbers[5] as u64,
    })
}

fn lua(target: Target<'_>) -> String {
    let request = match target {
        Target { body_bytes, .. } if body_bytes > 0 => {
            format!("wrk.method = 'POST'\nwrk.body = string.rep('x', {body_bytes})\n")
        }
        Target { paths, .. } if paths > 0 => {
            format!(
                "request = function() return wrk.format('GET', '/f' .. math.random(0, {paths} - 1)) end\n"
            )
        }
        _ => String::new(),
    };
    request + "done = function(summary, latency)
    local e = summary.errors
    io.write(string.format('RESULT %d %d %d %d %d %d\\n', summary.requests, summary.duration, latency:percentile(50),
        latency:percentile(99), latency:percentile(99.9), e.connect + e.read + e.write + e.status + e.timeout))
end\n"
}

/// So many requests a second whatever the server does; a late answer counts from when its request was due.
///
/// # Errors
/// When oha can't be run or its report can't be read.
pub fn open(
    oha: &Path,
    target: Target<'_>,
    connections: usize,
    rate: u64,
    seconds: u32,
) -> anyhow::Result<Load> {
    let (connections, rate, duration) = (connections.to_string(), rate.to_string(), format!("{seconds}s"));
    let args = [
        "--no-tui",
        "--output-format",
        "json",
        "--latency-correction",
        "-c",
        &connections,
        "-q",
        &rate,
        "-z",
        &duration,
    ];
    let report: Value = serde_json::from_str(&Invocation::new(oha, &args).with(&[target.url]).output()?)?;
    let number = |pointer: &str| {
        report.pointer(pointer).and_then(Value::as_f64).with_context(|| format!("oha reported no {pointer}"))
    };
    let codes = report["statusCodeDistribution"].as_object().context("oha reported no status codes")?;
    let failed =
        codes.iter().filter(|(code, _)| *code != "200").filter_map(|(_, count)| count.as_u64()).sum();
    Ok(Load {
        rate: number("/summary/requestsPerSec")?,
        p50: number("/latencyPercentiles/p50")?,
        p99: number("/latencyPercentiles/p99")?,
        p999: number("/latencyPercentiles/p99.9")?,
        failed,
    })
}
