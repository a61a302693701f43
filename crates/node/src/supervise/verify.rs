//! Verifying a revision: a child process reads, checks and compiles its artifacts.

use std::process::Stdio;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;

use super::children::{Streams, how, this_program};
use super::node::Node;
use crate::reconcile::{AppId, Event, Revision, Unfit};
use crate::wire::{VERIFY_COMMAND, Verified, VerifyArtifact, VerifyOrder};

/// The most that is read of an answer, in bytes.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Verifies a revision and tells the outcome.
pub(super) async fn verify(node: Rc<Node>, app: AppId, revision: Revision) {
    let outcome = match node.verify_places.acquire().await {
        Ok(_place) => outcome(&node, &app, revision).await,
        Err(_) => return,
    };
    let outcome = outcome.map(|classes| node.keep_classes(&app, revision, classes));
    node.tell(Event::Verified { app, revision, outcome });
}

async fn outcome(node: &Node, app: &AppId, revision: Revision) -> Result<Vec<String>, Unfit> {
    let permanent = |reason: String| Unfit { reason, permanent: true };
    let passing = |reason: String| Unfit { reason, permanent: false };
    let (_, checked) = node.checked(app, revision).map_err(permanent)?;
    let artifacts = checked.functions.iter().map(|function| VerifyArtifact {
        function: function.name.to_string(),
        path: node.artifacts.path(&function.digest),
        digest: function.digest.to_string(),
    });
    let order = VerifyOrder { artifacts: artifacts.collect(), compiled: node.options.dirs.compiled() };
    let (answer, status) =
        ask(node, &order).await.map_err(|error| passing(format!("cannot be verified: {error}")))?;
    match serde_json::from_slice(&answer) {
        Ok(Verified::Fit { classes }) if classes.len() == checked.functions.len() => Ok(classes),
        Ok(Verified::Unfit { reason, permanent }) => Err(Unfit { reason, permanent }),
        _ => Err(passing(format!("cannot be verified: {status}"))),
    }
}

async fn ask(node: &Node, order: &VerifyOrder) -> std::io::Result<(Vec<u8>, String)> {
    let mut command = this_program(VERIFY_COMMAND);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let (running, streams) = node.children.start(command)?;
    let Streams { stdin: Some(stdin), stdout: Some(stdout), .. } = streams else {
        return Err(std::io::ErrorKind::BrokenPipe.into());
    };
    let mut stdin = pipe::Sender::from_owned_fd(stdin)?;
    stdin.write_all(&serde_json::to_vec(order)?).await?;
    drop(stdin);
    let mut answer = Vec::new();
    pipe::Receiver::from_owned_fd(stdout)?.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    let status = running.ended.await.map_or_else(|_| "the verifier is gone".to_owned(), how);
    Ok((answer, status))
}
