//! Creates the users of a workshop: `example-adding-users GROUP < names.txt`.
//!
//! It can be run again: whoever is there stays, and is in the group afterwards.
#![expect(clippy::print_stdout, reason = "a script talks to its user")]

use anyhow::Context as _;
use http::StatusCode;
use hubauth::{ClientError, HubClient};

/// Users that are created with one call.
const AT_ONCE: usize = 100;

/// The names, one to a line; empty lines and `# comments` are left out.
fn names(text: &str) -> Vec<&str> {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|name| !name.is_empty())
        .collect()
}

/// What is there already is no failure.
fn unless_there<T>(result: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match result {
        Err(error) if error.status() == Some(StatusCode::CONFLICT) => Ok(None),
        other => other.map(Some),
    }
}

async fn add(hub: &HubClient, group: &str, names: &[&str]) -> anyhow::Result<usize> {
    let mut created = 0;
    for names in names.chunks(AT_ONCE) {
        let new = unless_there(hub.create_users(names).await)?;
        created += new.map_or(0, |users| users.len());
    }
    unless_there(hub.create_group(group).await)?;
    for names in names.chunks(AT_ONCE) {
        hub.add_to_group(group, names).await?;
    }
    Ok(created)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let group = std::env::args()
        .nth(1)
        .context("into which group? Write: adding-users GROUP < names.txt")?;
    let text = std::io::read_to_string(std::io::stdin())?;
    let names = names(&text);
    let created = add(&HubClient::from_env()?, &group, &names).await?;
    println!(
        "{} users are in {group}, {created} of them new",
        names.len()
    );
    Ok(())
}
