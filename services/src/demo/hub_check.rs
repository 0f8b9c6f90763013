//! The look at the hub before serving.

use std::time::Duration;

use hub_types::JUPYTERHUB_VERSION;
use hubauth::{ApiRoot, ClientError, HubClient};

/// Waits between the tries. Source: single-user servers of JupyterHub give up after five.
const PAUSES: [u64; 4] = [2, 4, 8, 16];

/// Asks the hub for its version; tries again while it does not answer.
///
/// # Errors
/// When the hub does not answer at last: a server that nobody can log in to had better not run.
pub(super) async fn reach(client: &HubClient) -> Result<(), ClientError> {
    for pause in PAUSES {
        match client.api_root().await {
            Ok(root) => return compare(&root),
            Err(error) => {
                tracing::warn!(%error, "cannot reach the hub, trying again in {pause} s");
                tokio::time::sleep(Duration::from_secs(pause)).await;
            }
        }
    }
    compare(&client.api_root().await?)
}

fn compare(root: &ApiRoot) -> Result<(), ClientError> {
    let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
    if major(&root.version) == major(JUPYTERHUB_VERSION) {
        tracing::debug!(version = root.version, "the hub answers");
    } else {
        tracing::warn!(
            "the hub speaks JupyterHub {}, this server {JUPYTERHUB_VERSION}; some things may not work",
            root.version
        );
    }
    Ok(())
}
