//! The log: lines in JupyterHub's form, `[I 2026-01-02 03:04:05.678 JupyterHub serve:42] message`, or one JSON object each.

mod line;

use std::fmt;
use std::sync::Arc;

use hub_types::clock::{Clock as _, SystemClock};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use self::line::Line;
use crate::config::{LogFormat, LogLevel};

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
pub fn init(level: LogLevel, statements: bool, format: LogFormat) -> Log {
    let logger = tracing_subscriber::fmt()
        .with_env_filter(filter(level, statements))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .log_internal_errors(false)
        .event_format(Lines(format))
        .with_filter_reloading();
    let handle = logger.reload_handle();
    // In tests somebody else may have been first.
    let _ = logger.try_init();
    Log(Arc::new(move |filter| {
        // It fails when the log is gone, which nobody could be told.
        let _ = handle.reload(filter);
    }))
}

/// How lines are written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lines(pub LogFormat);

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let line = Line::new(event, SystemClock.now(), request(context));
        match self.0 {
            LogFormat::Text => writeln!(writer, "{}", line.text()),
            LogFormat::Json => writeln!(writer, "{}", line.json()),
        }
    }
}

/// The id of the request on whose way something happens.
fn request<S, N>(context: &FmtContext<'_, S, N>) -> Option<String>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    let mut spans = context
        .event_scope()?
        .filter(|span| span.name() == "request");
    let span = spans.next()?;
    let extensions = span.extensions();
    let fields = extensions.get::<FormattedFields<N>>()?;
    Some(fields.fields.strip_prefix("request=")?.to_owned())
}
