//! What `tombolo --version` says.

/// `0.1.0`
pub(crate) const fn short() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The version, the engine and the WASI versions that programs may ask for.
pub(crate) fn long() -> String {
    format!(
        "{}\nengine: {}\nWASI:   0.1 (modules), 0.2 and 0.3 (components)",
        short(),
        tombolo_engine::ENGINE_VERSION,
    )
}
