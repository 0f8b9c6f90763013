//! Log lines in JupyterHub's form: `[I 2026-01-02 03:04:05.678 JupyterHub serve:42] message`.

use std::fmt;
use std::sync::Arc;

use hub_types::clock::{Clock as _, SystemClock};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::LogLevel;

/// The longest line, in characters (security case 121).
const LONGEST: usize = 4_000;

/// What is logged: our own crates from `level` on; libraries are heard from warnings on only, and `sqlx` (which shows
/// statements) hardly unless `statements` are asked for.
#[must_use]
pub fn filter(level: LogLevel, statements: bool) -> EnvFilter {
    let ours = match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warning => "warn",
        LogLevel::Error | LogLevel::Critical => "error",
    };
    // What the hub asks the database is without values: those are sent beside it.
    let sql = if statements { "debug" } else { "error" };
    EnvFilter::new(format!(
        "warn,hub={ours},services={ours},hub_proxy={ours},cull_idle={ours},sqlx={sql}"
    ))
}

/// The log of this process: how much of it there is can be changed.
#[derive(Clone)]
pub struct Log(Arc<dyn Fn(EnvFilter) + Send + Sync>);

impl Log {
    /// Changes what is logged from now on.
    pub fn set(&self, level: LogLevel, statements: bool) {
        (self.0)(filter(level, statements));
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

/// Logs to standard error what passes [`filter`].
///
/// `log_internal_errors` is off: a terminal that has gone away must not end the hub.
#[must_use]
pub fn init(level: LogLevel, statements: bool) -> Log {
    let logger = tracing_subscriber::fmt()
        .with_env_filter(filter(level, statements))
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .event_format(JupyterHubFormat)
        .with_filter_reloading();
    let handle = logger.reload_handle();
    // In tests somebody else may have been first.
    let _ = logger.try_init();
    Log(Arc::new(move |filter| {
        // It fails when the log is gone, which nobody could be told.
        let _ = handle.reload(filter);
    }))
}

struct JupyterHubFormat;

/// Collects the message, then the other fields as `key=value`.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use fmt::Write as _;
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else if !field.name().starts_with("log.") {
            let _ = write!(self.fields, " {}={value:?}", field.name());
        }
    }
}

impl<S, N> FormatEvent<S, N> for JupyterHubFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let letter = match *metadata.level() {
            Level::ERROR => 'E',
            Level::WARN => 'W',
            Level::INFO => 'I',
            Level::DEBUG | Level::TRACE => 'D',
        };
        let time = SystemClock.now().format("%Y-%m-%d %H:%M:%S%.3f");
        let module = metadata.target().rsplit("::").next().unwrap_or_default();
        let line = metadata.line().unwrap_or_default();
        let mut text = Text::default();
        event.record(&mut text);
        let whole = format!("{}{}", text.message, text.fields);
        let shown: String = whole
            .chars()
            .take(LONGEST)
            .map(|c| {
                if c.is_control() && c != '\n' {
                    '\u{fffd}'
                } else {
                    c
                }
            })
            .collect();
        // A message of several lines stays one event: the others are indented.
        let shown = shown.replace('\n', "\n    ");
        writeln!(
            writer,
            "[{letter} {time} JupyterHub {module}:{line}] {shown}"
        )
    }
}
