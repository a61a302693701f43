//! What was typed on the command line, as what it means: grants, limits, a program and its arguments.

mod data;
mod secrets;
mod sugar;

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use tombolo_spec::grant::HostPath;
use tombolo_spec::{Function, Grant, GrantSet, LimitOverrides, Limits, Manifest, Profile, Source, Trigger};

use crate::args::{ProgramArgs, RunArgs};
use crate::exit::{Exit, Failure};

pub(crate) use secrets::{Secrets, secret_text};

/// What `tombolo run` will do, or a function of `tombolo serve`.
#[derive(Clone)]
pub(crate) struct Plan {
    /// The artifact.
    pub(crate) program: PathBuf,
    /// The name under which events and errors speak of it.
    pub(crate) function: String,
    /// The program's arguments, its own name first.
    pub(crate) arguments: Vec<String>,
    pub(crate) grants: GrantSet,
    pub(crate) limits: Limits,
    /// Where relative folders of grants start.
    pub(crate) base: PathBuf,
    pub(crate) secrets: Secrets,
    /// Where stores and volumes are kept; `None` where no folder can be named.
    pub(crate) data: Option<PathBuf>,
    /// What wakes it, where a manifest says so.
    pub(crate) on: Vec<Trigger>,
}

impl Plan {
    /// The meaning of `tombolo run`'s arguments.
    ///
    /// # Errors
    /// All that is wrong with grants and limits, or with the manifest, at once.
    pub(crate) fn new(args: &RunArgs) -> Result<Plan, Failure> {
        let (first, rest) = args.program.split_first().context("no program was named")?;
        let rest = rest.iter().map(text).collect::<Result<Vec<_>, _>>()?;
        match &args.manifest {
            Some(manifest) => of_manifest(manifest, &text(first)?, rest, &args.grants, Profile::Run),
            None => of_file(Path::new(first), rest, &args.grants, Profile::Run),
        }
    }
}

/// A program named by its file.
///
/// # Errors
/// Grants or limits that do not parse.
pub(crate) fn of_file(
    program: &Path,
    rest: Vec<String>,
    given: &ProgramArgs,
    profile: Profile,
) -> Result<Plan, Failure> {
    if program.as_os_str().as_encoded_bytes().starts_with(b"-") {
        let shown = program.display();
        return Err(anyhow!(
            "unknown flag {shown}; see `tombolo run --help` (a file of that name is ./{shown})"
        )
        .into());
    }
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    let (grants, secrets) = sugar::grants(given)?;
    Ok(Plan {
        program: program.to_owned(),
        arguments: std::iter::once(name.clone()).chain(rest).collect(),
        function: name,
        grants,
        limits: limits(given, &LimitOverrides::default(), profile)?,
        base: here()?,
        secrets,
        data: data::folder(given, &data::app_of(program)),
        on: Vec::new(),
    })
}

/// A function with its own grants and limits; flags add grants and change limits.
///
/// # Errors
/// All problems of the manifest, 127 for a function that it doesn't have.
pub(crate) fn of_manifest(
    file: &Path,
    name: &str,
    rest: Vec<String>,
    given: &ProgramArgs,
    profile: Profile,
) -> Result<Plan, Failure> {
    OpenManifest::read(file)?.plan(name, rest, given, profile)
}

/// A manifest with the folders where its paths, and those of the command line, start.
#[derive(Clone)]
pub(crate) struct OpenManifest {
    file: PathBuf,
    text: String,
    manifest: Manifest,
    base: PathBuf,
    here: PathBuf,
}

impl OpenManifest {
    /// Reads a manifest from its file.
    ///
    /// # Errors
    /// The file cannot be read, or all its problems.
    pub(crate) fn read(file: &Path) -> Result<OpenManifest, Failure> {
        let base = std::path::absolute(file).with_context(|| format!("{}: no folder", file.display()))?;
        let base = base.parent().unwrap_or(Path::new("/")).to_owned();
        let text = read_text(file)?;
        let manifest = parse(&text, file)?;
        Ok(OpenManifest { file: file.to_owned(), text, manifest, base, here: here()? })
    }

    /// Another text of the same manifest. Opens nothing.
    ///
    /// # Errors
    /// All its problems.
    pub(crate) fn with_text(&self, text: &str) -> Result<OpenManifest, Failure> {
        let manifest = parse(text, &self.file)?;
        Ok(OpenManifest { manifest, text: text.to_owned(), ..self.clone() })
    }

    /// What was read.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The app's name.
    pub(crate) fn app(&self) -> &str {
        &self.manifest.name
    }

    /// The names of its functions.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.manifest.functions.keys().map(|name| &**name)
    }

    /// As [`of_manifest`].
    ///
    /// # Errors
    /// As [`of_manifest`].
    pub(crate) fn plan(
        &self,
        name: &str,
        rest: Vec<String>,
        given: &ProgramArgs,
        profile: Profile,
    ) -> Result<Plan, Failure> {
        let function =
            self.manifest.function(name).ok_or_else(|| unknown_function(&self.file, name, &self.manifest))?;
        let (added, secrets) = sugar::grants(given)?;
        let own = function.grants.resolve(&host_path(&self.base)?);
        Ok(Plan {
            program: artifact(function, &self.base, name)?,
            function: name.to_owned(),
            arguments: std::iter::once(name.to_owned())
                .chain(function.args.iter().cloned())
                .chain(rest)
                .collect(),
            grants: join(own, added.resolve(&host_path(&self.here)?)),
            limits: limits(given, &function.limits, profile)?,
            base: self.base.clone(),
            secrets,
            data: data::folder(given, self.manifest.name.as_str()),
            on: function.on.clone(),
        })
    }
}

fn read_text(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("{}: the manifest cannot be read", file.display()))
}

fn parse(text: &str, file: &Path) -> anyhow::Result<Manifest> {
    Ok(Manifest::parse(text, &file.display().to_string())?)
}

fn unknown_function(file: &Path, name: &str, manifest: &Manifest) -> Failure {
    let known = manifest.functions.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Failure::new(Exit::NotFound, anyhow!("{}: no function {name:?}; it has: {known}", file.display()))
}

fn artifact(function: &Function, base: &Path, name: &str) -> anyhow::Result<PathBuf> {
    match &function.component {
        Source::Path(path) => Ok(base.join(path)),
        Source::Oci(reference) => {
            bail!("function {name:?} comes from a registry ({reference}); only files can be run here so far")
        }
    }
}

/// Limits: flags over what the manifest says over the defaults.
pub(crate) fn limits(
    given: &ProgramArgs,
    manifest: &LimitOverrides,
    profile: Profile,
) -> anyhow::Result<Limits> {
    let mut typed = LimitOverrides::default();
    let wrong: Vec<String> = given
        .limits
        .iter()
        .filter_map(|line| typed.set_line(line).err())
        .map(|error| error.to_string())
        .collect();
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok(typed.over(manifest).resolve(profile))
}

/// Parses grant lines; all that are wrong are told at once.
pub(crate) fn parse_grants(lines: &[String]) -> anyhow::Result<GrantSet> {
    let (good, bad): (Vec<_>, Vec<_>) =
        lines.iter().map(|line| line.parse::<Grant>()).partition(Result::is_ok);
    if bad.is_empty() {
        return Ok(good.into_iter().flatten().collect());
    }
    let bad: Vec<String> = bad.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect();
    bail!("{}", bad.join("\n"))
}

fn join(mut first: GrantSet, second: GrantSet) -> GrantSet {
    first.extend(second.iter().map(|(_, grant)| grant.clone()).collect::<Vec<_>>());
    first
}

fn here() -> anyhow::Result<PathBuf> {
    std::env::current_dir().context("the current folder cannot be named")
}

fn host_path(path: &Path) -> anyhow::Result<HostPath> {
    let text =
        path.to_str().with_context(|| format!("{}: not UTF-8, so no grant can name it", path.display()))?;
    text.parse().with_context(|| format!("{text}: no folder that a grant can name"))
}

fn text(argument: &std::ffi::OsString) -> anyhow::Result<String> {
    argument.to_str().map(str::to_owned).with_context(|| {
        format!("the argument {argument:?} is not UTF-8; WASI passes arguments as UTF-8 only")
    })
}
