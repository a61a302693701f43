//! Another program in the place of this one, in the same process (execve(2)): its number and its children stay, and so
//! do the descriptors that the next program is to have.

use std::ffi::{CString, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::FdFlags;

/// What a program is told by signals. They wait until the next program hears them: none is lost, and none ends a program
/// that has not said yet what it does about it.
const HELD: [i32; 6] =
    [libc::SIGHUP, libc::SIGINT, libc::SIGTERM, libc::SIGCHLD, libc::SIGUSR1, libc::SIGUSR2];

/// Runs `program` in the place of this one, with these arguments after its name and these variables. Of this process'
/// descriptors it has the standard three and those in `keep`. Signals that a program is told things by wait until it calls
/// [`release_signals`].
///
/// Call it from the main thread, so that children stay that are to die with their parent; other threads end. It returns
/// only if the kernel refuses, with nothing changed.
pub fn replace_program(
    program: &Path,
    arguments: &[OsString],
    variables: &[(OsString, OsString)],
    keep: &[BorrowedFd<'_>],
) -> io::Error {
    let name = program.as_os_str();
    let arguments = std::iter::once(name).chain(arguments.iter().map(OsString::as_os_str));
    let arguments = arguments.map(|argument| argument.as_bytes().to_vec());
    let variables = variables.iter().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat());
    let (arguments, variables) = match (texts(arguments), texts(variables)) {
        (Ok(arguments), Ok(variables)) => (arguments, variables),
        (Err(error), _) | (_, Err(error)) => return error,
    };
    if let Err(error) = keep.iter().try_for_each(|fd| rustix::io::fcntl_setfd(fd, FdFlags::empty())) {
        return error.into();
    }
    mask(libc::SIG_BLOCK);
    let (arguments, variables) = (pointers(&arguments), pointers(&variables));
    // SAFETY: both lists end with a null pointer, and each text before it ends with a NUL and lives until here. The first
    // argument is the program's path.
    unsafe { libc::execve(arguments[0], arguments.as_ptr(), variables.as_ptr()) };
    let error = io::Error::last_os_error();
    mask(libc::SIG_UNBLOCK);
    // It worked a moment ago.
    let _ = keep.iter().try_for_each(|fd| rustix::io::fcntl_setfd(fd, FdFlags::CLOEXEC));
    error
}

/// Lets the signals come that [`replace_program`] has held back.
pub fn release_signals() {
    mask(libc::SIG_UNBLOCK);
}

/// Takes over descriptors that a program before this one left open in this process; each is close-on-exec from then on.
///
/// It must be among the first acts of `main`, while no value of the program owns a descriptor that it has opened.
///
/// # Errors
/// `AlreadyExists` when called a second time; `InvalidInput` for one of the standard three, one that is named twice, or
/// one that is not open: nothing is taken over then.
pub fn take_over_fds(numbers: &[RawFd]) -> io::Result<Vec<OwnedFd>> {
    static CALLED: AtomicBool = AtomicBool::new(false);
    if CALLED.swap(true, Ordering::Relaxed) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() != numbers.len() || sorted.first().is_some_and(|first| *first < 3) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for number in numbers {
        // SAFETY: a number is looked up, nothing is done to what is behind it.
        let set = unsafe { libc::fcntl(*number, libc::F_SETFD, libc::FD_CLOEXEC) };
        if set < 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
    }
    // SAFETY: each is open, named once, and owned by nobody in this program: it has just begun.
    Ok(numbers.iter().map(|number| unsafe { OwnedFd::from_raw_fd(*number) }).collect())
}

fn texts(texts: impl Iterator<Item = Vec<u8>>) -> io::Result<Vec<CString>> {
    texts.map(|text| CString::new(text).map_err(|_| io::ErrorKind::InvalidInput.into())).collect()
}

fn pointers(texts: &[CString]) -> Vec<*const libc::c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
}

fn mask(how: i32) {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the set is made before anything is put into it, the numbers are those of signals, and what the mask was
    // before is not asked for.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in HELD {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        libc::pthread_sigmask(how, set.as_ptr(), ptr::null_mut());
    }
}
