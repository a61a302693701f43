//! What a node leaves to the program that takes its place in the same process: its sockets, and the processes that still
//! answer what they have begun.
//!
//! Descriptors stay open under their numbers. A file in memory says which is which, and a variable where that is.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;

use rustix::fs::{MemfdFlags, memfd_create};
use serde::{Deserialize, Serialize};
use tombolo_sandbox::{replace_program, take_over_fds};
use tombolo_spec::Name;

/// How an estate is written. A program that reads it otherwise does not take this one's place.
pub(super) const HANDOVER: u32 = 1;

/// The variable that says under which number the file is.
pub(super) const VARIABLE: &str = "TOMBOLO_HANDOVER";
/// What a service manager says about sockets, which is true of the program that it started and of no later one.
pub(super) const OF_THE_MANAGER: [&str; 4] =
    ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_FDS_FIRST_FD"];
/// The largest file that is read, in bytes: enough for ten thousand cells.
const BYTES_MAX: u64 = 4 << 20;

/// What a node leaves.
#[derive(Debug)]
pub struct Estate {
    pub(super) left: Left,
    descriptors: Vec<Option<OwnedFd>>,
}

/// What there is to say of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Left {
    /// How often the program was replaced, this time included.
    pub(super) upgrades: u64,
    /// Why the program that was to be the next is not.
    pub(super) failed: Option<String>,
    /// A number that no cell has had.
    pub(super) next_cell: u64,
    /// The lock of the state folder.
    pub(super) lock: Place,
    /// The listening sockets, with their names.
    pub(super) sockets: Vec<(String, Place)>,
    pub(super) gateway: Option<Relative>,
    pub(super) egress: Option<Relative>,
    pub(super) cells: Vec<CellRelative>,
    /// Child processes whose work nobody waits for any more.
    pub(super) others: Vec<u32>,
}

/// A child process that ends in good order once its socket to the node is closed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Relative {
    pub(super) pid: u32,
    pub(super) channel: Place,
}

/// A cell.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CellRelative {
    pub(super) cell: u64,
    pub(super) tenant: Name,
    pub(super) process: Relative,
    /// What it writes.
    pub(super) log: Place,
}

/// Where a descriptor is among those of its estate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Place(usize);

/// An estate in the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    handover: u32,
    /// Whose process this is.
    pid: u32,
    /// The numbers of the descriptors.
    descriptors: Vec<RawFd>,
    left: Left,
}

/// What a variable names is not what a node of this version leaves.
#[derive(Debug, thiserror::Error)]
#[error("the node cannot start: {VARIABLE} does not name what a node leaves to the next program: {0}")]
pub struct EstateError(#[from] io::Error);

/// Puts descriptors together.
#[derive(Debug, Default)]
pub(super) struct Descriptors(Vec<Option<OwnedFd>>);

impl Descriptors {
    pub(super) fn add(&mut self, descriptor: impl AsFd) -> io::Result<Place> {
        self.0.push(Some(descriptor.as_fd().try_clone_to_owned()?));
        Ok(Place(self.0.len() - 1))
    }
}

impl Estate {
    pub(super) fn new(left: Left, descriptors: Descriptors) -> Estate {
        Estate { left, descriptors: descriptors.0 }
    }

    /// What the program before has left in this process, if there was one. To be called among the first acts of `main`.
    ///
    /// # Errors
    /// [`EstateError`] for what no node has written.
    pub fn inherited() -> Result<Option<Estate>, EstateError> {
        let Some(number) = std::env::var_os(VARIABLE) else { return Ok(None) };
        let number = number.to_str().and_then(|number| number.parse::<RawFd>().ok());
        let number = number.ok_or_else(|| broken("it is no number"))?;
        let mut text = Vec::new();
        // Opened anew: nobody owns the descriptor yet.
        File::open(format!("/proc/self/fd/{number}"))?.take(BYTES_MAX).read_to_end(&mut text)?;
        let Written { handover, pid, descriptors, left } =
            serde_json::from_slice(&text).map_err(io::Error::from)?;
        if handover != HANDOVER {
            return Err(broken("it is of another version").into());
        }
        if pid != std::process::id() {
            // A variable that went on to another process: nothing was left to that one.
            return Ok(None);
        }
        let numbers: Vec<RawFd> = descriptors.into_iter().chain([number]).collect();
        let mut descriptors = take_over_fds(&numbers)?;
        // The file has said all.
        descriptors.pop();
        Ok(Some(Estate { left, descriptors: descriptors.into_iter().map(Some).collect() }))
    }

    /// A descriptor, once.
    pub(super) fn take(&mut self, place: Place) -> io::Result<OwnedFd> {
        let descriptor = self.descriptors.get_mut(place.0).and_then(Option::take);
        descriptor.ok_or_else(|| broken("a descriptor is missing"))
    }

    /// Runs `program` with these arguments in the place of this one, and leaves it all this. Returns only if that fails;
    /// then it is this program's again.
    pub fn leave_to(self, program: &Path, arguments: &[OsString]) -> (Estate, io::Error) {
        let Estate { left, descriptors } = self;
        let numbers = descriptors.iter().flatten().map(AsRawFd::as_raw_fd).collect();
        let written = Written { handover: HANDOVER, pid: std::process::id(), descriptors: numbers, left };
        let error = match file(&written) {
            Ok(file) => {
                let keep: Vec<BorrowedFd<'_>> =
                    descriptors.iter().flatten().chain([&file]).map(AsFd::as_fd).collect();
                replace_program(program, arguments, &variables(&file), &keep)
            }
            Err(error) => error,
        };
        let left = written.left;
        let failed = Some(format!("{}: {error}", program.display()));
        (
            Estate { left: Left { upgrades: left.upgrades.saturating_sub(1), failed, ..left }, descriptors },
            error,
        )
    }
}

fn file(written: &Written) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("tombolo-handover", MemfdFlags::CLOEXEC)?);
    file.write_all(&serde_json::to_vec(written)?)?;
    file.rewind()?;
    Ok(file.into())
}

fn variables(file: &OwnedFd) -> Vec<(OsString, OsString)> {
    let is_ours = |name: &OsString| name == VARIABLE || OF_THE_MANAGER.iter().any(|own| name == own);
    let number = file.as_raw_fd().to_string();
    let ours = (OsString::from(VARIABLE), OsString::from(number));
    std::env::vars_os().filter(|(name, _)| !is_ours(name)).chain([ours]).collect()
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}
