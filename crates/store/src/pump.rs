//! Talking to a child process over three pipes at once, within a time and a size.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};

/// Read and written in pieces of this.
const CHUNK_BYTES: usize = 256 * 1024;

/// What a child said.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) output: Vec<u8>,
    pub(crate) errors: Vec<u8>,
}

/// Why a child was not listened to until its end.
#[derive(Debug)]
pub(crate) enum Interrupted {
    Deadline,
    TooMuchOutput,
    Io(io::Error),
}

impl From<io::Error> for Interrupted {
    fn from(error: io::Error) -> Interrupted {
        Interrupted::Io(error)
    }
}

/// Most bytes that are taken from a child.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SizeLimits {
    pub(crate) output: usize,
    /// What stands beyond this is dropped.
    pub(crate) errors: usize,
}

/// Feeds `input` to the child and collects what it says until it closes both of its pipes.
///
/// A child that stops reading early is no error: its exit code tells why.
pub(crate) fn pump(
    child: &mut Child,
    input: &[u8],
    deadline: Instant,
    limits: SizeLimits,
) -> Result<Said, Interrupted> {
    let mut feed = Feed { pipe: child.stdin.take(), rest: input };
    let mut output = Tap::new(child.stdout.take(), limits.output)?;
    let mut errors = Tap::new(child.stderr.take(), limits.errors)?;
    if let Some(pipe) = &feed.pipe {
        ioctl_fionbio(pipe, true).map_err(io::Error::from)?;
    }
    while output.pipe.is_some() || errors.pipe.is_some() {
        wait(&feed, &output, &errors, deadline)?;
        feed.step()?;
        if output.step()? {
            return Err(Interrupted::TooMuchOutput);
        }
        errors.step()?;
    }
    Ok(Said { output: output.bytes, errors: errors.bytes })
}

/// Sleeps until one of the pipes can move.
fn wait(
    feed: &Feed<'_>,
    output: &Tap<impl AsFd>,
    errors: &Tap<impl AsFd>,
    deadline: Instant,
) -> Result<(), Interrupted> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Interrupted::Deadline);
    }
    let mut pipes = Vec::with_capacity(3);
    pipes.extend(feed.pipe.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
    pipes.extend(output.pipe.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
    pipes.extend(errors.pipe.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
    let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
    match poll(&mut pipes, Some(&left)) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(Interrupted::Io(error.into())),
    }
}

/// What is still to be written, and where.
struct Feed<'a> {
    pipe: Option<ChildStdin>,
    rest: &'a [u8],
}

impl Feed<'_> {
    /// Writes what can be written; closes the pipe behind the last byte.
    fn step(&mut self) -> io::Result<()> {
        let Some(pipe) = &mut self.pipe else { return Ok(()) };
        let piece = &self.rest[..self.rest.len().min(CHUNK_BYTES)];
        match pipe.write(piece) {
            Ok(written) => self.rest = &self.rest[written..],
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.rest = &[],
            Err(error) if later(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
        if self.rest.is_empty() {
            self.pipe = None;
        }
        Ok(())
    }
}

/// What comes out of a pipe.
struct Tap<P> {
    pipe: Option<P>,
    bytes: Vec<u8>,
    bytes_max: usize,
    chunk: Vec<u8>,
}

impl<P: Read + AsFd> Tap<P> {
    fn new(pipe: Option<P>, bytes_max: usize) -> io::Result<Tap<P>> {
        if let Some(pipe) = &pipe {
            ioctl_fionbio(pipe, true)?;
        }
        Ok(Tap { pipe, bytes: Vec::new(), bytes_max, chunk: vec![0; CHUNK_BYTES] })
    }

    /// Reads what can be read; says whether that was more than it may be.
    fn step(&mut self) -> io::Result<bool> {
        let Some(pipe) = &mut self.pipe else { return Ok(false) };
        match pipe.read(&mut self.chunk) {
            Ok(0) => self.pipe = None,
            Ok(read) => {
                let room = self.bytes_max.saturating_sub(self.bytes.len());
                self.bytes.extend_from_slice(&self.chunk[..read.min(room)]);
                return Ok(read > room);
            }
            Err(error) if later(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(false)
    }
}

fn later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
