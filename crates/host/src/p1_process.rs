//! Two functions of WASI 0.1 that must behave otherwise than Wasmtime's.
//!
//! - `proc_exit` passes on every exit code: Wasmtime traps at 126 and above, but real programs use them
//!   (AssemblyScript's `abort` exits with 255).
//! - `poll_oneoff` that only sleeps gives the thread away: Wasmtime holds it where files may, and then no time
//!   limit and no other guest of the thread gets a turn.

use std::time::Duration;

use wasmtime::{Caller, Extern, Linker, Memory};
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::p1::wasi_snapshot_preview1 as p1;
use wiggle::GuestMemory;

use crate::guest::Guest;

const MODULE: &str = "wasi_snapshot_preview1";

/// Below this the event loop's timer is too coarse, and holding the thread does no harm.
const SHORT: Duration = Duration::from_millis(2);

/// Sizes and places within `subscription` and `event`, by the WASI 0.1 ABI.
const SUBSCRIPTION_BYTES: usize = 48;
const EVENT_BYTES: usize = 32;

/// Puts both functions over Wasmtime's.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker
        .func_wrap(MODULE, "proc_exit", |code: i32| -> wasmtime::Result<()> { Err(I32Exit(code).into()) })?;
    linker.func_wrap_async(
        MODULE,
        "poll_oneoff",
        |mut caller: Caller<'_, Guest>, arguments: (i32, i32, i32, i32)| {
            Box::new(async move { poll_oneoff(&mut caller, arguments).await })
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

async fn poll_oneoff(
    caller: &mut Caller<'_, Guest>,
    (subscriptions, events, count, stored): (i32, i32, i32, i32),
) -> wasmtime::Result<i32> {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        return Err(wasmtime::format_err!("missing required memory export"));
    };
    if count == 1
        && let Some(sleep) = Sleep::read(memory.data(&*caller), subscriptions)
        && sleep.answers_fit(memory.data(&*caller), events, stored)
    {
        sleep.wait().await;
        sleep.answer(memory.data_mut(&mut *caller), events, stored);
        return Ok(0);
    }
    poll(caller, memory, (subscriptions, events, count, stored)).await
}

/// As Wasmtime has it.
async fn poll(
    caller: &mut Caller<'_, Guest>,
    memory: Memory,
    (subscriptions, events, count, stored): (i32, i32, i32, i32),
) -> wasmtime::Result<i32> {
    let (bytes, guest) = memory.data_and_store_mut(caller);
    let mut memory = GuestMemory::Unshared(bytes);
    p1::poll_oneoff(guest.p1(), &mut memory, subscriptions, events, count, stored).await
}

/// A subscription to one relative time-out.
struct Sleep {
    userdata: u64,
    time: Duration,
}

impl Sleep {
    /// The subscription at `at`, if it is a sleep and nothing else.
    fn read(memory: &[u8], at: i32) -> Option<Sleep> {
        let bytes = memory.get(offset(at)..)?.get(..SUBSCRIPTION_BYTES)?;
        let is_clock = bytes[8] == 0;
        let is_relative = bytes[40] & 1 == 0;
        (is_clock && is_relative)
            .then(|| Sleep { userdata: u64_at(bytes, 0), time: Duration::from_nanos(u64_at(bytes, 24)) })
    }

    fn answers_fit(&self, memory: &[u8], events: i32, stored: i32) -> bool {
        let fits =
            |at: i32, bytes: usize| offset(at).checked_add(bytes).is_some_and(|end| end <= memory.len());
        fits(events, EVENT_BYTES) && fits(stored, 4)
    }

    async fn wait(&self) {
        if self.time < SHORT {
            std::thread::sleep(self.time);
        } else {
            tokio::time::sleep(self.time).await;
        }
    }

    /// One event: the clock's, without error.
    fn answer(&self, memory: &mut [u8], events: i32, stored: i32) {
        let event = &mut memory[offset(events)..][..EVENT_BYTES];
        event.fill(0);
        event[..8].copy_from_slice(&self.userdata.to_le_bytes());
        memory[offset(stored)..][..4].copy_from_slice(&1u32.to_le_bytes());
    }
}

/// A guest's address is 32 bits without a sign.
fn offset(address: i32) -> usize {
    address.cast_unsigned() as usize
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}
