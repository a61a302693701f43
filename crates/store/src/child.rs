//! The compiler process itself.

use std::io::{Read, Write};

use tombolo_engine::{Engine, EngineClass, EngineOptions};

/// The hidden subcommand under which a program calls [`compiler_main`].
pub const COMPILE_COMMAND: &str = "__compile";

/// The arguments that tell the compiler process what to compile for.
pub(crate) fn arguments(options: &EngineOptions) -> Vec<String> {
    let mut arguments = vec![options.class.to_string(), options.stack_bytes.to_string()];
    arguments.extend(options.target.map(|target| target.to_string()));
    arguments
}

/// Reads an artifact from `input`, compiles it as `arguments` say and writes the code to `output`.
///
/// # Errors
/// A text for the person who gave the artifact. The program prints it to standard error and exits with 1.
pub fn compiler_main(
    arguments: &[String],
    input: &mut dyn Read,
    output: &mut dyn Write,
) -> Result<(), String> {
    let options = parse(arguments)?;
    let mut artifact = Vec::new();
    input.read_to_end(&mut artifact).map_err(|error| error.to_string())?;
    let engine = Engine::new(&options).map_err(|error| error.to_string())?;
    let code = engine.compile(&artifact).map_err(|error| error.to_string())?;
    output.write_all(&code).map_err(|error| error.to_string())
}

fn parse(arguments: &[String]) -> Result<EngineOptions, String> {
    let [class, stack, target @ ..] = arguments else {
        return Err("usage: __compile CLASS STACK [TARGET]".to_owned());
    };
    let class: EngineClass = class.parse()?;
    let target = target.first().map(|target| target.parse()).transpose();
    let mut options = EngineOptions::new(class)
        .with_compiler(true)
        .with_target(target.map_err(|error: tombolo_engine::UnknownTarget| error.to_string())?);
    options.stack_bytes = stack.parse().map_err(|_| format!("not a size: {stack:?}"))?;
    Ok(options)
}
