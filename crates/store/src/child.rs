//! The compiler process itself.

use std::io::{Read, Write};

use tombolo_engine::{Engine, EngineClass, EngineOptions};

/// The hidden subcommand under which a program calls [`compiler_main`].
pub const COMPILE_COMMAND: &str = "__compile";

/// Artifacts from this size on are compiled by several threads; below, starting them takes longer than it saves.
const PARALLEL_BYTES: usize = 512 << 10;

/// How the process ends, as its exit code.
pub(crate) mod exit {
    pub(crate) const DONE: u8 = 0;
    /// The artifact cannot be compiled; standard error says why.
    pub(crate) const INVALID: u8 = 1;
    /// Something else went wrong; standard error says what.
    pub(crate) const FAILED: u8 = 2;
}

/// The arguments that tell the compiler process what to compile for: `name=value`, in any order.
pub(crate) fn arguments(options: &EngineOptions) -> Vec<String> {
    let mut arguments = vec![
        format!("class={}", options.class),
        format!("stack={}", options.stack_bytes),
        format!("interruptible={}", options.interruptible),
    ];
    arguments.extend(options.target.map(|target| format!("target={target}")));
    arguments
}

/// Reads an artifact from `input`, compiles it as `arguments` (those behind [`COMPILE_COMMAND`]) say and writes the
/// code to `output`, complaints to `errors`. Returns the process' exit code.
pub fn compiler_main(
    arguments: &[String],
    input: &mut dyn Read,
    output: &mut dyn Write,
    errors: &mut dyn Write,
) -> u8 {
    let (code, complaint) = match run(arguments, input, output) {
        Ok(()) => return exit::DONE,
        Err(Failure::Invalid(complaint)) => (exit::INVALID, complaint),
        Err(Failure::Other(complaint)) => (exit::FAILED, complaint),
    };
    // The parent reads the exit code too, so a complaint that cannot be written is not lost altogether.
    let _ = writeln!(errors, "{complaint}");
    code
}

enum Failure {
    Invalid(String),
    Other(String),
}

fn run(arguments: &[String], input: &mut dyn Read, output: &mut dyn Write) -> Result<(), Failure> {
    let mut options = parse(arguments).map_err(Failure::Other)?;
    let mut artifact = Vec::new();
    input.read_to_end(&mut artifact).map_err(|error| other("reading the artifact", &error))?;
    options.parallel = artifact.len() >= PARALLEL_BYTES;
    let engine = Engine::new(&options).map_err(|error| other("starting", &error))?;
    let code = engine.compile(&artifact).map_err(|error| Failure::Invalid(error.to_string()))?;
    output.write_all(&code).and_then(|()| output.flush()).map_err(|error| other("writing the code", &error))
}

fn other(doing: &str, error: &dyn std::error::Error) -> Failure {
    Failure::Other(format!("{doing}: {error}"))
}

fn parse(arguments: &[String]) -> Result<EngineOptions, String> {
    let mut options = EngineOptions::new(EngineClass::Plain).with_compiler(true);
    for argument in arguments {
        let wrong = || format!("{COMPILE_COMMAND}: wrong argument {argument:?}");
        match argument.split_once('=').ok_or_else(wrong)? {
            ("class", class) => options.class = class.parse().map_err(|_| wrong())?,
            ("stack", bytes) => options.stack_bytes = bytes.parse().map_err(|_| wrong())?,
            ("interruptible", yes) => options.interruptible = yes.parse().map_err(|_| wrong())?,
            ("target", target) => options.target = Some(target.parse().map_err(|_| wrong())?),
            _ => return Err(wrong()),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tombolo_engine::Target;

    #[test]
    fn every_option_that_shapes_code_reaches_the_child() {
        let sent = EngineOptions {
            class: EngineClass::Concurrent,
            stack_bytes: 77_000,
            interruptible: false,
            compiler: true,
            target: Target::all().last(),
            ..EngineOptions::new(EngineClass::Plain)
        };
        assert_eq!(parse(&arguments(&sent)), Ok(sent));
        let plain = EngineOptions::new(EngineClass::Plain).with_compiler(true);
        assert_eq!(parse(&arguments(&plain)), Ok(plain));
    }

    #[test]
    fn wrong_arguments_are_named() {
        for wrong in ["class=3", "stack=much", "target=sparc", "loud=yes", "--help"] {
            let error = parse(&[wrong.to_owned()]).expect_err(wrong);
            assert!(error.contains(wrong), "{error}");
        }
    }
}
