//! For tests of the walls alone: what an attacker with machine code of his own can ask of the kernel.

use std::io;

/// Makes any system call in this thread; returns its result, or the error's number as a negative one, as the kernel
/// itself does.
///
/// Nothing is checked, and the arguments may well be addresses: whoever can call this owns the process. That is the
/// point of it, and why it is there with the feature `escape` alone.
pub fn system_call(number: i64, arguments: [i64; 6]) -> i64 {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: none. The process is taken over; what is tested is that this harms nobody else.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    match result {
        -1 => -i64::from(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)),
        result => result,
    }
}
