//! Errors of Wasmtime that have no type of their own, recognised by their text.
//!
//! The tests raise each of them for real, so that a version of Wasmtime that words them differently is noticed.

use tombolo_spec::LimitName;

/// Text of an error, and the limit that it means.
const LIMITS: [(&str, LimitName); 6] = [
    ("too much data is being copied between the host and the guest", LimitName::HostcallFuel),
    ("store handle limit exceeded", LimitName::Handles),
    ("resource table has no free keys", LimitName::Handles),
    ("pages exceeds memory limits", LimitName::Memory),
    ("GC heap out of memory", LimitName::Memory),
    ("elements exceeds table limits", LimitName::TableElements),
];

/// The limit that `error` means, if any.
pub(super) fn limit(error: &wasmtime::Error) -> Option<LimitName> {
    error.chain().find_map(|cause| {
        let cause = cause.to_string();
        LIMITS.iter().find(|(text, _)| cause.contains(text)).map(|&(_, limit)| limit)
    })
}

/// For an error of linking a component or a module's types: the import, if it can be told.
pub(super) fn component_import(error: &wasmtime::Error) -> Option<Option<String>> {
    let texts: Vec<String> = error.chain().map(|cause| cause.to_string()).collect();
    let about_imports =
        ["matching implementation was not found", "incompatible import type", "component imports"];
    let text = texts.iter().find(|text| about_imports.iter().any(|about| text.contains(about)))?;
    Some(text.split('`').nth(1).map(str::to_owned))
}

/// The causes of `error` in one line, without the backtrace that Wasmtime puts around them.
pub(super) fn causes(error: &wasmtime::Error) -> String {
    let causes = error.chain().map(|cause| cause.to_string());
    let told: Vec<String> =
        causes.filter(|cause| !cause.starts_with("error while executing at wasm backtrace")).collect();
    told.join(": ")
}
