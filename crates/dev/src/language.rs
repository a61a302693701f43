//! The languages and kinds of function that a project can be made for.

use std::fmt;

use clap::ValueEnum;

/// A language with a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub enum Language {
    Rust,
    C,
    Cpp,
    Go,
    Js,
    Ts,
    Python,
    Zig,
}

/// What wakes a new function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Kind {
    /// Answers requests
    Http,
    /// Takes events: messages, times, files
    Event,
    /// Reads standard input, writes standard output
    Command,
}

impl Language {
    pub(crate) const ALL: [Language; 8] = [
        Language::Rust,
        Language::C,
        Language::Cpp,
        Language::Go,
        Language::Js,
        Language::Ts,
        Language::Python,
        Language::Zig,
    ];

    /// The word on the command line, and the folder of the template.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::C => "c",
            Language::Cpp => "cpp",
            Language::Go => "go",
            Language::Js => "js",
            Language::Ts => "ts",
            Language::Python => "python",
            Language::Zig => "zig",
        }
    }

    /// The language's own name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Language::Rust => "Rust",
            Language::C => "C",
            Language::Cpp => "C++",
            Language::Go => "Go",
            Language::Js => "JavaScript",
            Language::Ts => "TypeScript",
            Language::Python => "Python",
            Language::Zig => "Zig",
        }
    }

    /// The line that builds a function called `name`: the language's own tool, to be typed by hand just so.
    pub(crate) fn build_line(self, name: &str) -> String {
        match self {
            Language::Rust => "cargo build --release --target wasm32-wasip2".to_owned(),
            Language::C => {
                format!("clang --target=wasm32-wasi -O2 -s -Wall -Wextra -o {name}.wasm src/main.c")
            }
            Language::Cpp => format!(
                "clang++ --target=wasm32-wasi -std=c++20 -O2 -s -fno-exceptions -Wall -Wextra -o {name}.wasm src/main.cpp"
            ),
            Language::Go => format!(
                "GOOS=wasip1 GOARCH=wasm go build -trimpath -buildvcs=false -ldflags='-s -w' -o {name}.wasm ."
            ),
            Language::Js | Language::Ts => {
                "test node_modules/.package-lock.json -nt package.json || npm install --no-audit --no-fund && npm run build"
                    .to_owned()
            }
            Language::Python => format!("componentize-py -d wit -w function componentize app -o {name}.wasm"),
            Language::Zig => format!(
                "zig build-exe -target wasm32-wasi -O ReleaseSmall -fstrip -femit-bin={name}.wasm src/main.zig"
            ),
        }
    }

    /// Where that line puts the component, from the project's folder.
    pub(crate) fn component(self, name: &str) -> String {
        match self {
            Language::Rust => format!("target/wasm32-wasip2/release/{name}.wasm"),
            _ => format!("{name}.wasm"),
        }
    }
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Http, Kind::Event, Kind::Command];

    /// The word on the command line, and the folder of the template.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Kind::Http => "http",
            Kind::Event => "event",
            Kind::Command => "command",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
