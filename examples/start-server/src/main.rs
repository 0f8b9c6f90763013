//! Starts a server and waits until it is ready: `example-start-server USER [SERVER]`.
#![expect(clippy::print_stdout, reason = "a script talks to its user")]

use anyhow::{Context as _, bail};
use futures_util::TryStreamExt as _;
use http::StatusCode;
use hubauth::{HubClient, StartOptions, Started};

/// Gives the path of the ready server.
async fn start(hub: &HubClient, user: &str, server: &str) -> anyhow::Result<String> {
    match hub
        .start_server(user, server, &StartOptions::default())
        .await
    {
        Ok(Started::Pending) => println!("{user}'s server is starting"),
        Ok(Started::Ready) => {}
        // It runs or starts already: the events say which.
        Err(error) if error.status() == Some(StatusCode::BAD_REQUEST) => {}
        Err(error) => return Err(error.into()),
    }
    // A server that is ready already gives just the last event.
    let mut events = std::pin::pin!(hub.server_progress(user, server));
    while let Some(event) = events.try_next().await? {
        println!("{:>3} % {}", event.progress, event.message);
        if event.failed {
            bail!("the server did not start");
        }
        if event.ready {
            return event
                .url
                .context("the hub does not say where the server is");
        }
    }
    bail!("the hub stopped reporting before the server was ready")
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let user = args
        .next()
        .context("whose server? Write: start-server USER [SERVER]")?;
    let server = args.next().unwrap_or_default();
    let hub = HubClient::from_env()?;
    let path = start(&hub, &user, &server).await?;
    println!("ready: {path}");
    Ok(())
}
