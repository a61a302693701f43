//! A hole in the first wall, for tests of the second: with the feature `escape` a core module that imports
//! `escape.syscall` makes any system call it likes in the process of its cell.

use wasmtime::{Caller, Extern, Linker};

use crate::Guest;

/// A request in the guest's memory: a number, six arguments, and for each of these 1 if it is an address in the
/// guest's memory rather than a number.
const WORDS: usize = 13;

pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "escape",
        "syscall",
        |mut caller: Caller<'_, Guest>, at: u32| -> wasmtime::Result<i64> {
            let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
                wasmtime::bail!("a guest that escapes exports its memory");
            };
            let mut bytes = [0; WORDS * 8];
            memory.read(&caller, at as usize, &mut bytes)?;
            let base = memory.data_ptr(&caller).addr() as i64;
            let (words, _) = bytes.as_chunks();
            let word = |index: usize| i64::from_le_bytes(words[index]);
            let arguments = std::array::from_fn(|index| word(1 + index) + word(7 + index) * base);
            Ok(tombolo_sandbox::system_call(word(0), arguments))
        },
    )?;
    Ok(())
}
