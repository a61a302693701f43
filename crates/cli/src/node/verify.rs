//! The verifier: reads artifacts, checks that they are what they should be, and has them compiled.

use std::io::{self, Write};

use tombolo_engine::{ArtifactInfo, Engine, EngineOptions, Entry, Pooling, class};
use tombolo_node::wire::{Verified, VerifyArtifact, VerifyOrder};
use tombolo_node::{failpoint, variable_for_child};
use tombolo_store::{
    Artifact, CacheKey, CompileFailed, CompiledCache, Compiler, CompilerLimits, PrepareError, prepare,
};

use crate::compiled::CACHE_BYTES_MAX;
use crate::exit::{Exit, Failure};
use crate::program::Program;

/// Answers the order on standard input on standard output.
///
/// # Errors
/// When the order can't be read or the answer not be written.
pub(crate) fn verify() -> Result<Exit, Failure> {
    let order: VerifyOrder = serde_json::from_reader(io::stdin().lock())?;
    let classes = order.artifacts.iter().map(|artifact| {
        one(&order, artifact)
            .map_err(|unfit| Unfit { reason: format!("{}: {}", artifact.function, unfit.reason), ..unfit })
    });
    failpoint("verify-begun");
    let answer = match classes.collect::<Result<Vec<_>, Unfit>>() {
        Ok(classes) => Verified::Fit { classes },
        Err(Unfit { reason, permanent }) => Verified::Unfit { reason, permanent },
    };
    failpoint("verify-done");
    io::stdout().lock().write_all(&serde_json::to_vec(&answer)?)?;
    Ok(Exit::Program(0))
}

struct Unfit {
    reason: String,
    permanent: bool,
}

impl Unfit {
    fn permanent(reason: impl ToString) -> Unfit {
        Unfit { reason: reason.to_string(), permanent: true }
    }

    fn passing(reason: impl ToString) -> Unfit {
        Unfit { reason: reason.to_string(), permanent: false }
    }
}

/// Verifies one artifact; returns the class of its engine.
fn one(order: &VerifyOrder, artifact: &VerifyArtifact) -> Result<String, Unfit> {
    let program = Program::read(&artifact.path).map_err(Unfit::permanent)?;
    if program.info.digest.to_string() != artifact.digest {
        return Err(Unfit::permanent(format!(
            "the artifact on disk is damaged: it is {}",
            program.info.digest
        )));
    }
    if !can_be_called(&program.info) {
        let why = "it neither answers HTTP requests nor is a program; build it as one of the two";
        return Err(Unfit::permanent(why));
    }
    let class = class(&program.info);
    compile(order, &program, &super::load::options(class))?;
    Ok(class.name().to_owned())
}

fn can_be_called(info: &ArtifactInfo) -> bool {
    info.entries.iter().any(|entry| *entry != Entry::Initialize)
}

fn compile(order: &VerifyOrder, program: &Program, options: &EngineOptions) -> Result<(), Unfit> {
    let (cache, _) = CompiledCache::open(&order.compiled, CACHE_BYTES_MAX).map_err(Unfit::passing)?;
    let engine = Engine::new(&options.clone().with_pooling(Pooling::Never)).map_err(Unfit::passing)?;
    let key = CacheKey {
        digest: program.info.digest,
        compatibility: engine.compatibility().map_err(Unfit::passing)?,
        class: engine.class(),
        target: None,
    };
    let artifact = Artifact { bytes: &program.bytes, kind: program.info.kind, key: &key };
    let compiler = Compiler::this_program(CompilerLimits::default()).with_variables(variable_for_child());
    let prepared = prepare(Some(&cache), &compiler, artifact, engine.options()).map_err(unfit)?;
    if cache.lookup(&key).code.is_some() {
        return Ok(());
    }
    let warnings: Vec<String> = prepared.warnings.iter().map(ToString::to_string).collect();
    Err(Unfit::passing(format!("its compiled code cannot be kept: {}", warnings.join("; "))))
}

/// Whether trying again can help.
fn unfit(error: PrepareError) -> Unfit {
    match &error {
        PrepareError::Compile(
            CompileFailed::Invalid(_)
            | CompileFailed::Time(_)
            | CompileFailed::Memory(_)
            | CompileFailed::TooLarge(_)
            | CompileFailed::Crashed { .. },
        ) => Unfit::permanent(error),
        _ => Unfit::passing(error),
    }
}
