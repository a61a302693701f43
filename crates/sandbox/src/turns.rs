//! How long the kernel lets this process compute before others have their turn.

use std::mem::MaybeUninit;

use libc::sched_attr;

/// The shortest turn that kernels take.
const TURN_NS: u64 = 100_000;

/// Asks for many short turns instead of few long ones, for this thread and all that it will start: who wakes with
/// something short to do does not wait for the end of a long turn of another process that asked for the same. The share
/// of the processor's time stays as it was.
///
/// Kernels before 6.12 have turns of one length only, and a process with another scheduling policy keeps what it has:
/// nothing is changed then.
pub fn take_short_turns() {
    let Some(mut attributes) = attributes() else { return };
    if attributes.sched_policy != libc::SCHED_OTHER as u32 {
        return;
    }
    attributes.sched_runtime = TURN_NS;
    // SAFETY: the kernel reads the attributes, which say their size.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}

/// How this thread is scheduled, where the kernel says it.
fn attributes() -> Option<sched_attr> {
    let mut attributes = MaybeUninit::<sched_attr>::zeroed();
    // SAFETY: the kernel writes at most as many bytes as there is room for; all zeros are such attributes too.
    unsafe {
        let size = size_of::<sched_attr>();
        let result = libc::syscall(libc::SYS_sched_getattr, 0, attributes.as_mut_ptr(), size, 0);
        (result == 0).then(|| attributes.assume_init())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn_ns() -> u64 {
        attributes().expect("the kernel says it").sched_runtime
    }

    /// Kernels before 6.12 say 0, as no turn of theirs can be changed.
    #[test]
    fn threads_that_are_started_later_take_short_turns_too() {
        std::thread::spawn(|| {
            let before = turn_ns();
            take_short_turns();
            let after = [turn_ns(), std::thread::spawn(turn_ns).join().expect("no panic")];
            assert_eq!(after, [if before == 0 { 0 } else { TURN_NS }; 2]);
        })
        .join()
        .expect("no panic");
    }
}
