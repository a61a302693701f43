//! `tombolo apply`: what the node does not have is sent, then the app is deployed.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use tombolo_node::api::types::{Deploy, Outcome};
use tombolo_node::client::{Client, Method};
use tombolo_spec::{Manifest, Source};

use super::{client, path, runtime, told};
use crate::args::ApplyArgs;
use crate::exit::{Exit, Failure};
use crate::program::Program;

/// Deploys an app and waits until it serves.
///
/// # Errors
/// All problems of the manifest, an artifact that is none, a deploy that failed and why.
pub(crate) fn apply(args: &ApplyArgs) -> Result<Exit, Failure> {
    let shown = args.manifest.display().to_string();
    let text = std::fs::read_to_string(&args.manifest)
        .with_context(|| format!("{shown}: the manifest cannot be read"))?;
    let manifest = Manifest::parse(&text, &shown)?;
    let file = std::path::absolute(&args.manifest).with_context(|| format!("{shown}: no folder"))?;
    let folder = file.parent().unwrap_or(std::path::Path::new("/"));
    let programs = manifest
        .functions
        .iter()
        .map(|(name, function)| match &function.component {
            Source::Path(path) => Ok((name.to_string(), Program::read(&folder.join(path))?)),
            Source::Oci(reference) => Err(not_yet(name, reference)),
        })
        .collect::<Result<BTreeMap<_, _>, Failure>>()?;

    let client = client(&args.at.node)?;
    let artifacts =
        programs.iter().map(|(name, program)| (name.clone(), program.info.digest.to_string())).collect();
    let base = folder.to_str().map(str::to_owned);
    let deploy = Deploy { manifest: text, base, artifacts };
    let app = path(&args.at, &manifest.name, "");
    let outcome = runtime()?.block_on(async {
        for program in programs.into_values() {
            send(&client, program).await?;
        }
        let outcome: Outcome = client.ask(Method::PUT, &app, &deploy).await?;
        anyhow::Ok(outcome)
    })?;
    told(&outcome)
}

fn not_yet(name: &str, reference: &impl std::fmt::Display) -> Failure {
    let deployed = || -> anyhow::Result<()> {
        bail!("function {name:?} comes from a registry ({reference}); only files can be deployed so far")
    };
    Failure::from(deployed().err().unwrap_or_else(|| anyhow::anyhow!("{reference}")))
}

/// Sends an artifact that the node does not have.
async fn send(client: &Client, program: Program) -> anyhow::Result<()> {
    let path = format!("/v1/artifacts/{}", program.info.digest);
    if client.send(Method::HEAD, &path, Vec::new()).await.is_ok() {
        return Ok(());
    }
    client.send(Method::PUT, &path, program.bytes).await?;
    Ok(())
}
