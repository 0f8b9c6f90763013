//! SIGUSR1: how the hub is, as a few lines of its log. Nothing changes by it.

use std::fs;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::signal::unix::Signal;
use tokio::time::timeout;

use crate::db::{DbError, servers, users};
use crate::domain::lifecycle::ServerState;
use crate::state::AppState;

/// How long the database is waited for: the next signal is answered after this one.
const ROWS_WAIT: Duration = Duration::from_secs(3);

/// Who says how the hub is.
pub(super) struct Teller {
    pub(super) state: AppState,
    /// When the hub began.
    pub(super) begin: Instant,
}

impl Teller {
    /// Answers every signal. Never returns.
    pub(super) async fn run(self, mut questions: Signal) {
        while questions.recv().await.is_some() {
            // As warnings, for somebody has asked; and first what needs no database, which may be what is wrong.
            tracing::warn!("SIGUSR1: {}", self.process());
            tracing::warn!("SIGUSR1: {}", self.work());
            tracing::warn!("SIGUSR1: {}", counted(self.rows()).await);
        }
    }

    fn process(&self) -> String {
        let files = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name| field(&status, name).unwrap_or("?");
        format!(
            "hub {}, process {}, up for {}; memory {}, threads {}, open files {files}",
            env!("CARGO_PKG_VERSION"),
            std::process::id(),
            for_people(self.begin.elapsed()),
            field("VmRSS"),
            field("Threads"),
        )
    }

    /// What this process is about to do.
    fn work(&self) -> String {
        let tasks = Handle::current().metrics();
        let routes = match self.state.routes.are_told() {
            true => "in order",
            false => "being put in order",
        };
        format!(
            "at work on: servers {}, errands of the admin page {}; tasks {}, of which {} wait for a thread; the proxy's routes \
             are {routes}",
            self.state.manager.busy(),
            self.state.errands.count(),
            tasks.num_alive_tasks(),
            tasks.global_queue_depth(),
        )
    }

    /// What the database knows.
    async fn rows(&self) -> Result<String, DbError> {
        let db = self.state.db.read();
        let mut counts = Vec::new();
        for state in ServerState::ACTIVE {
            let count = servers::count(db, *state).await?;
            counts.push(format!("{} {count}", state.as_str()));
        }
        let users = users::count(db).await?;
        let services = self.state.managed.all().len();
        Ok(format!(
            "servers: {}; users: {users}; services: {services}",
            counts.join(", ")
        ))
    }
}

/// What was counted, or why nothing was.
async fn counted(rows: impl Future<Output = Result<String, DbError>>) -> String {
    match timeout(ROWS_WAIT, rows).await {
        Ok(Ok(rows)) => rows,
        Ok(Err(error)) => format!("nothing can be counted: {error}"),
        Err(_) => format!(
            "nothing can be counted: the database has not answered for {} s",
            ROWS_WAIT.as_secs()
        ),
    }
}

/// A line of /proc/PID/status, without its name.
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = status.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(value.trim())
}

/// `3 d 04:05:06`, or `04:05:06`.
fn for_people(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let clock = format!("{:02}:{:02}:{:02}", hours % 24, minutes % 60, seconds % 60);
    match days {
        0 => clock,
        days => format!("{days} d {clock}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_for_people() {
        for (seconds, expected) in [
            (0, "00:00:00"),
            (3_661, "01:01:01"),
            (86_399, "23:59:59"),
            (273_906, "3 d 04:05:06"),
        ] {
            assert_eq!(for_people(Duration::from_secs(seconds)), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_says_nothing_is_not_waited_for_for_long() {
        let told = counted(std::future::pending()).await;
        assert_eq!(
            told,
            "nothing can be counted: the database has not answered for 3 s"
        );
    }

    #[test]
    fn fields_are_found_by_their_names() {
        let status = "Name:\thub\nVmRSS:\t   35840 kB\nThreads:\t7\n";
        assert_eq!(field(status, "VmRSS"), Some("35840 kB"));
        assert_eq!(field(status, "Threads"), Some("7"));
        assert_eq!(field(status, "Vm"), None);
    }
}
