//! A sysroot with a WebAssembly target built from a distribution's own sources.
//!
//! ```text
//! <cache>/rust/<hash of compiler and libc>/
//!     rustc                         calls the compiler with this sysroot
//!     lib/rustlib/<host>/lib    →   the compiler's own, for build scripts and macros
//!     lib/rustlib/<host>/bin/       wasm-component-ld, wasm-ld
//!     lib/rustlib/<target>/lib/     the standard library, and wasi-libc under self-contained/
//! ```
//!
//! rustc then finds everything as in a toolchain of rustup's.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustc_build_sysroot::SysrootBuilder;
use rustc_version::VersionMeta;

use crate::error::DevError;

/// What it takes.
pub(super) struct Ingredients {
    pub(super) rustc: PathBuf,
    /// The `library` folder of the standard library's sources.
    pub(super) sources: PathBuf,
    pub(super) version: VersionMeta,
    /// `wasm-ld`.
    pub(super) linker: PathBuf,
    /// `wasm-component-ld`.
    pub(super) component_linker: PathBuf,
    /// The folder with `libc.a` and `crt1.o`.
    pub(super) libc: PathBuf,
}

/// Changes when a sysroot of an earlier tombolo must not be used any more.
const RECIPE: &str = "1";

/// The `rustc` of a sysroot that has `target`; builds it if it is not there. Takes minutes, once.
pub(super) fn prepare(
    target: &str,
    found: &Ingredients,
    cache: &Path,
    say: &dyn Fn(&str),
) -> Result<PathBuf, DevError> {
    let root = cache.join("rust").join(name(found));
    let rustc = root.join("rustc");
    let complete = root.join(format!("{target}.complete"));
    if complete.is_file() {
        return Ok(rustc);
    }
    std::fs::create_dir_all(&root).map_err(DevError::file("make", &root))?;
    let lock_path = root.join("lock");
    let lock = std::fs::File::create(&lock_path).map_err(DevError::file("make", &lock_path))?;
    lock.lock().map_err(DevError::file("lock", &lock_path))?;
    if !complete.is_file() {
        say(&format!(
            "building Rust's standard library for {target}: this happens once, and takes a minute or more"
        ));
        link_host(&root, found).map_err(DevError::file("make", &root))?;
        build(target, found, &root)?;
        add_libc(target, found, &root).map_err(DevError::file("make", &root))?;
        std::fs::write(&complete, "").map_err(DevError::file("write", &complete))?;
    }
    Ok(rustc)
}

fn name(found: &Ingredients) -> String {
    let mut hasher = blake3::Hasher::new();
    let libc = found.libc.join("libc.a").metadata().map(|metadata| metadata.len()).unwrap_or(0);
    let parts = [&found.rustc, &found.sources, &found.linker, &found.component_linker, &found.libc];
    for part in parts {
        hasher.update(part.to_string_lossy().as_bytes()).update(&[0]);
    }
    hasher.update(format!("{RECIPE} {} {libc}", found.version.short_version_string).as_bytes());
    hasher.finalize().to_hex()[..16].to_owned()
}

fn link_host(root: &Path, found: &Ingredients) -> std::io::Result<()> {
    let own = found.sources.ancestors().nth(3).unwrap_or(Path::new("/usr/lib/rustlib"));
    let host = root.join("lib/rustlib").join(&found.version.host);
    std::fs::create_dir_all(host.join("bin"))?;
    link(&own.join(&found.version.host).join("lib"), &host.join("lib"))?;
    link(&found.component_linker, &host.join("bin/wasm-component-ld"))?;
    link(&found.linker, &host.join("bin/wasm-ld"))?;
    let script = format!(
        "#!/bin/sh\nexec '{}' --sysroot '{}' \"$@\"\n",
        found.rustc.display().to_string().replace('\'', r"'\''"),
        root.display().to_string().replace('\'', r"'\''")
    );
    let path = root.join("rustc");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o755).open(path)?;
    file.write_all(script.as_bytes())
}

fn build(target: &str, found: &Ingredients, root: &Path) -> Result<(), DevError> {
    let mut cargo = Command::new("cargo");
    // The compiler is a released one; its own standard library may use what is unstable elsewhere.
    cargo.env("RUSTC", &found.rustc).env("RUSTC_BOOTSTRAP", "1").current_dir(root);
    for variable in ["RUSTFLAGS", "RUSTC_WRAPPER", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR"] {
        cargo.env_remove(variable);
    }
    SysrootBuilder::new(root, target)
        .cargo(cargo)
        .rustc_version(found.version.clone())
        // For programs with link-time optimisation.
        .rustflag("-Cembed-bitcode=yes")
        .build_from_source(&found.sources)
        .map(drop)
        .map_err(|error| DevError::Tool {
            what: format!("building Rust's standard library for {target}"),
            why: format!("{error:#}"),
        })
}

fn add_libc(target: &str, found: &Ingredients, root: &Path) -> std::io::Result<()> {
    let folder = root.join("lib/rustlib").join(target).join("lib/self-contained");
    std::fs::create_dir_all(&folder)?;
    for entry in std::fs::read_dir(&found.libc)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "a") {
            link(&path, &folder.join(path.file_name().unwrap_or_default()))?;
        }
    }
    link(&found.libc.join("crt1-reactor.o"), &folder.join("crt1-reactor.o"))?;
    // An old wasi-libc's crt1-command.o runs no constructors once a program names them, which std does: a program
    // would have neither folders nor variables. crt1.o is the same without that.
    link(&found.libc.join("crt1.o"), &folder.join("crt1-command.o"))
}

fn link(target: &Path, at: &Path) -> std::io::Result<()> {
    match symlink(target, at) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}
