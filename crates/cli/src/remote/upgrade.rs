//! `tombolo node upgrade`: asks for it, and waits until the program before has left.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use tombolo_node::api::types::{NodeStatus, Upgrade, Upgraded};
use tombolo_node::client::{Client, ClientError, Method};

use super::{client, print, runtime};
use crate::args::NodeAddress;
use crate::exit::{Exit, Failure};

/// How often the node is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long a node may not answer at all: then it has not survived.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// # Errors
/// When the program could not be this node, which then goes on as it was, or when the node does not come back.
pub(crate) fn upgrade(node: &NodeAddress, program: Option<&Path>) -> Result<Exit, Failure> {
    let client = client(node)?;
    runtime()?.block_on(async {
        let before: NodeStatus = client.get("/v1/node").await?;
        let program = match program {
            None => before.program,
            Some(program) => {
                let program = std::path::absolute(program).with_context(|| program.display().to_string())?;
                let text = program.to_str().map(str::to_owned);
                text.ok_or_else(|| anyhow!("{}: its name is no text", program.display()))?
            }
        };
        let wanted = Upgrade { program };
        let upgraded: Upgraded = client.ask(Method::POST, "/v1/node/upgrade", &wanted).await?;
        wait(&client, before.pid, upgraded.upgrades).await?;
        print(&format!("tombolo {} has taken the place of {}\n", upgraded.version, before.version))
    })
}

/// Waits until the node was replaced so often, and the processes before have ended: each has a bound for that.
async fn wait(client: &Client, pid: u32, upgrades: u64) -> Result<(), Failure> {
    let mut heard = Instant::now();
    loop {
        match client.get::<NodeStatus>("/v1/node").await {
            Ok(status) if status.pid != pid => {
                return Err(anyhow!("the new program ended, and the node was started anew").into());
            }
            Ok(NodeStatus { not_upgraded: Some(why), .. }) => return Err(anyhow!(why).into()),
            Ok(status) if status.upgrades >= upgrades && status.leaving == 0 => return Ok(()),
            Ok(_) => heard = Instant::now(),
            Err(error @ ClientError::Refused { .. }) => return Err(error.into()),
            Err(error) if heard.elapsed() > SILENCE_MAX => {
                return Err(
                    anyhow!("the new program does not answer: {error}; see what the node has said").into()
                );
            }
            Err(_) => {}
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
