//! Rust types for the interfaces beside the released WASI, from the texts in `wit/`.

wasmtime::component::bindgen!({
    path: "wit",
    world: "tombolo:host/host",
    imports: {
        // A write waits for the disk, so it does not hold up the thread that runs the guest.
        "wasi:keyvalue/store.[method]bucket.set": async | trappable,
        "wasi:keyvalue/store.[method]bucket.delete": async | trappable,
        "wasi:keyvalue/atomics.increment": async | trappable,
        "wasi:keyvalue/batch.set-many": async | trappable,
        "wasi:keyvalue/batch.delete-many": async | trappable,
        default: trappable,
    },
    with: {
        "wasi:keyvalue/store.bucket": crate::kv::Bucket,
    },
    trappable_error_type: {
        "wasi:keyvalue/store.error" => crate::kv::KvError,
    },
});

pub(crate) use wasi::{config0_2_0_draft, config0_2_0_rc_1, keyvalue, logging};
