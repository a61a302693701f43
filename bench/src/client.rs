//! The plainest HTTP client there is: one request on a connection of its own, or one after the other on one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

/// A connection that is kept open between requests.
pub struct Client {
    port: u16,
    patience: Duration,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    /// A client of `port` on the loopback address that waits so long for each byte.
    pub fn new(port: u16, patience: Duration) -> Self {
        Self { port, patience, connection: None }
    }

    /// Asks for a path; returns the status and how long the whole answer took.
    ///
    /// # Errors
    /// When there is no connection, no answer in time, or one that is no HTTP.
    pub fn get(&mut self, path: &str) -> anyhow::Result<(u16, Duration)> {
        let start = Instant::now();
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => BufReader::new(connect(self.port, self.patience)?),
        };
        write!(connection.get_mut(), "GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n")?;
        let (status, keep) = answer(&mut connection)?;
        self.connection = keep.then_some(connection);
        Ok((status, start.elapsed()))
    }
}

fn connect(port: u16, patience: Duration) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads an answer to its end; says its status and whether the connection can be used again.
fn answer(connection: &mut BufReader<TcpStream>) -> anyhow::Result<(u16, bool)> {
    let mut line = String::new();
    connection.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status line")?;
    let (mut length, mut chunked, mut keep) = (None, false, true);
    loop {
        line.clear();
        ensure!(connection.read_line(&mut line)? > 0, "the head breaks off");
        let (name, value) = match line.trim_end().split_once(':') {
            Some((name, value)) => (name.to_ascii_lowercase(), value.trim()),
            None => break,
        };
        match name.as_str() {
            "content-length" => length = Some(value.parse::<u64>()?),
            "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
            "connection" => keep = !value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    match length {
        _ if chunked => read_chunks(connection)?,
        Some(length) => skip(connection, length)?,
        None => keep = false,
    }
    Ok((status, keep))
}

fn read_chunks(connection: &mut BufReader<TcpStream>) -> anyhow::Result<()> {
    let mut line = String::new();
    loop {
        line.clear();
        connection.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim_end(), 16).context("no chunk size")?;
        skip(connection, size + 2)?;
        if size == 0 {
            return Ok(());
        }
    }
}

fn skip(connection: &mut BufReader<TcpStream>, bytes: u64) -> anyhow::Result<()> {
    let skipped = std::io::copy(&mut connection.take(bytes), &mut std::io::sink())?;
    ensure!(skipped == bytes, "the body breaks off");
    Ok(())
}
