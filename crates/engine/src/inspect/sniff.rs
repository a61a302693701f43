//! What kind of file this is, from its first bytes.

use std::borrow::Cow;

use super::Kind;
use crate::errors::LoadError;

const WASM_MAGIC: &[u8; 4] = b"\0asm";
/// Bytes 4 to 8 of a module, and of a component.
const MODULE_VERSION: [u8; 4] = [1, 0, 0, 0];
const COMPONENT_VERSION: [u8; 4] = [0x0d, 0, 1, 0];

/// The binary form of `artifact`: itself, or its translation if it is WebAssembly text.
pub(crate) fn binary(artifact: &[u8]) -> Result<Cow<'_, [u8]>, LoadError> {
    if artifact.is_empty() {
        return Err(LoadError::Empty);
    }
    if artifact.starts_with(WASM_MAGIC) || !looks_like_text(artifact) {
        return Ok(Cow::Borrowed(artifact));
    }
    wat::parse_bytes(artifact).map_err(|error| LoadError::Text(error.to_string()))
}

/// Module or component, by the header.
pub(crate) fn kind(wasm: &[u8]) -> Result<Kind, LoadError> {
    let Some((magic, rest)) = wasm.split_at_checked(4) else {
        return Err(not_wasm(wasm));
    };
    if magic != WASM_MAGIC {
        return Err(not_wasm(wasm));
    }
    match rest.first_chunk::<4>() {
        None => Err(LoadError::Truncated { bytes: wasm.len() }),
        Some(&MODULE_VERSION) => Ok(Kind::Module),
        Some(&COMPONENT_VERSION) => Ok(Kind::Component),
        Some(&[number, 0, layer @ (0 | 1), 0]) => Err(LoadError::Version { number, component: layer == 1 }),
        Some(_) => Err(LoadError::Malformed("unknown version".to_owned())),
    }
}

/// Text starts with white space, a comment or a parenthesis.
fn looks_like_text(artifact: &[u8]) -> bool {
    let text = artifact.trim_ascii_start();
    text.starts_with(b"(") || text.starts_with(b";;")
}

fn not_wasm(bytes: &[u8]) -> LoadError {
    LoadError::NotWasm(match bytes {
        [0x7f, b'E', b'L', b'F', ..] if is_compiled_wasm(bytes) => {
            return LoadError::Precompiled;
        }
        [0x7f, b'E', b'L', b'F', ..] => "a native Linux program or library".to_owned(),
        [b'#', b'!', ..] => "a script".to_owned(),
        [b'P', b'K', 3, 4, ..] => "a zip archive".to_owned(),
        [0x1f, 0x8b, ..] => "compressed with gzip".to_owned(),
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..] => "a static library".to_owned(),
        [0, b'a', b's', ..] | [0, b'a'] | [0] => "too short for its first four bytes".to_owned(),
        _ => "it does not start with \\0asm".to_owned(),
    })
}

/// Compiled code carries its own mark in the header's OS field.
fn is_compiled_wasm(bytes: &[u8]) -> bool {
    wasmtime::Engine::detect_precompiled(bytes).is_some() || bytes.get(7) == Some(&200)
}
