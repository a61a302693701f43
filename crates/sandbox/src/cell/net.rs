//! An empty network namespace, made by a second thread while the first one loads the program.
//!
//! Making one takes the kernel about half a millisecond. Namespaces are a property of threads: the helper moves into
//! a new one and hands out a descriptor of it, the thread that will run the guest joins it.

use std::fs::File;
use std::os::fd::AsFd;
use std::thread::{Builder, JoinHandle};

use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use crate::Status;

/// The helper keeps nothing on its stack.
const STACK_BYTES: usize = 32 * 1024;

/// A network namespace in the making.
#[derive(Debug)]
pub(super) struct NetHelper(Option<JoinHandle<Result<File, Errno>>>);

impl NetHelper {
    /// Starts to make a namespace.
    pub(super) fn start() -> Self {
        NetHelper(Builder::new().stack_size(STACK_BYTES).spawn(make).ok())
    }

    /// Moves the calling thread into the namespace; the helper is gone afterwards.
    pub(super) fn join(self) -> Status {
        let made = self.0.and_then(|thread| thread.join().ok());
        let joined = match made {
            Some(Ok(namespace)) => {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            }
            // No thread or no /proc to pass the namespace on.
            Some(Err(Errno::NOENT)) | None => unshare(),
            Some(Err(errno)) => Err(errno),
        };
        match joined {
            Ok(()) => Status::InForce("".into()),
            Err(errno) => Status::Missing(format!("refused by the kernel: {errno}").into()),
        }
    }
}

fn make() -> Result<File, Errno> {
    unshare()?;
    File::open("/proc/thread-self/ns/net").map_err(|_| Errno::NOENT)
}

fn unshare() -> Result<(), Errno> {
    // SAFETY: a network namespace does not touch the table of descriptors.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }
}
