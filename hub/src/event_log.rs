//! Which servers were started and stopped, one JSON object a line, in the form of JupyterHub's events: for those who count
//! use, not for those who look for faults. Only what succeeded is in it. Source: JupyterHub 6.1's schema `server-action`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;
use tokio::sync::Mutex;

use crate::domain::server::ServerRef;

/// The schema of what is written, and its version.
const SCHEMA: (&str, &str) = (
    "https://schema.jupyter.org/jupyterhub/events/server-action",
    "1",
);

/// What happened to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerAction {
    /// It is ready.
    Start,
    /// It is gone.
    Stop,
}

/// Where events go. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct EventLog(Option<Arc<Events>>);

#[derive(Debug)]
struct Events {
    file: PathBuf,
    /// One line at a time.
    writing: Mutex<()>,
}

impl EventLog {
    /// Events go to `file`, at its end; nowhere when there is none.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn open(file: Option<&Path>) -> io::Result<Self> {
        let Some(file) = file else {
            return Ok(Self::default());
        };
        append(file)?;
        Ok(Self(Some(Arc::new(Events {
            file: file.to_owned(),
            writing: Mutex::default(),
        }))))
    }

    /// Writes an event down. What cannot be written is said in the log and lost: the work goes on.
    pub async fn server(&self, action: ServerAction, at: &ServerRef, now: DateTime<Utc>) {
        let Some(events) = &self.0 else {
            return;
        };
        let _turn = events.writing.lock().await;
        let (file, text) = (events.file.clone(), line(action, at, now));
        // Opened anew each time: whoever rotates logs may move it away.
        let write = move || append(&file)?.write_all(text.as_bytes());
        let written = tokio::task::spawn_blocking(write).await;
        let failed = match written {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        let file = events.file.display();
        tracing::error!("an event cannot be written to {file}: {failed}; check [hub] event_log");
    }
}

fn append(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).open(file)
}

fn line(action: ServerAction, at: &ServerRef, now: DateTime<Utc>) -> String {
    let action = match action {
        ServerAction::Start => "start",
        ServerAction::Stop => "stop",
    };
    let event = json!({
        "__timestamp__": now.to_rfc3339_opts(SecondsFormat::Micros, true),
        "__schema__": SCHEMA.0,
        "__schema_version__": SCHEMA.1,
        "__metadata_version__": 1,
        "action": action,
        "username": at.user.as_str(),
        "servername": at.name.as_str(),
    });
    format!("{event}\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use hub_types::names::{ServerName, Username};
    use serde_json::Value;

    use super::*;

    #[tokio::test]
    async fn lines_are_added_also_after_a_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("events.jsonl");
        let log = EventLog::open(Some(&file)).unwrap();
        let at = ServerRef::new(Username::stored("al\nice"), ServerName::stored("gpu"));
        log.server(ServerAction::Start, &at, DateTime::UNIX_EPOCH)
            .await;
        std::fs::rename(&file, folder.path().join("old")).unwrap();
        for _ in 0..2 {
            log.server(ServerAction::Stop, &at, DateTime::UNIX_EPOCH)
                .await;
        }
        let read = |name: &str| -> Vec<Value> {
            let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
            text.lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect()
        };
        assert_eq!(
            read("old"),
            [json!({
                "__timestamp__": "1970-01-01T00:00:00.000000Z", "__schema__": SCHEMA.0, "__schema_version__": "1",
                "__metadata_version__": 1, "action": "start", "username": "al\nice", "servername": "gpu",
            })]
        );
        assert_eq!(read("events.jsonl").len(), 2);
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(EventLog::open(Some(&folder.path().join("no/such"))).is_err());
        EventLog::open(None)
            .unwrap()
            .server(ServerAction::Stop, &at, DateTime::UNIX_EPOCH)
            .await;
    }
}
