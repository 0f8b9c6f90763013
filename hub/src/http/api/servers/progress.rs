//! `GET /users/:name/server[s/:server]/progress`: the progress of a start as Server-Sent Events. The last one of a start that
//! failed has the last lines of the server's output (`output`) for those who may read it.

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt as _, stream};
use hub_types::progress::ProgressEvent;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::log_name;
use crate::db::{servers, users};
use crate::domain::action::ReadServer;
use crate::domain::lifecycle::ServerState;
use crate::http::error::ApiError;
use crate::http::extract::{Auth, ServerPath};
use crate::spawner::manager::{Listener, OUTPUT};
use crate::state::AppState;

/// How often an empty line keeps the connection alive. Source: JupyterHub 6.1.
const KEEP_ALIVE: Duration = Duration::from_secs(8);

type Events = Pin<Box<dyn Stream<Item = ProgressEvent> + Send>>;

pub(in crate::http::api) async fn progress(
    State(state): State<AppState>,
    Auth(caller): Auth,
    ServerPath(at): ServerPath,
) -> Result<Response, ApiError> {
    let granted = caller.require::<ReadServer>(at)?;
    let at = granted.subject();
    let with_output = caller.may_read_output(at);
    let server = servers::find(state.db.read(), at).await?;
    let idle = || ApiError::bad_request(format!("{} is not starting...", log_name(at)));
    let Some(server) = server else {
        // Everybody has a default server, used or not.
        let known = at.name.is_default()
            && users::find(state.db.read(), at.user.as_str())
                .await?
                .is_some();
        return Err(if known {
            idle()
        } else {
            ApiError::silent(StatusCode::NOT_FOUND)
        });
    };
    let place = state.manager.listener(server.id);
    let place = place.ok_or_else(|| {
        ApiError::crowded(
            "Too many listen to the start of this server. Try again in a few seconds.",
        )
    })?;
    let mut events: Events = Box::pin(state.manager.progress(server.id));
    if server.state == ServerState::Stopped {
        // Nothing is going on: there is a failure to tell of, or nothing at all.
        let first = events.next().await.ok_or_else(idle)?;
        events = Box::pin(stream::once(async move { first }).chain(events));
    }
    let events: Events = match with_output {
        true => events,
        false => Box::pin(events.map(without_output)),
    };
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        // Proxies of the nginx kind must not collect the events before they pass them on.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((
        headers,
        Body::from_stream(lines(events, state.shutdown.clone(), Some(place))),
    )
        .into_response())
}

fn without_output(mut event: ProgressEvent) -> ProgressEvent {
    event.extra.remove(OUTPUT);
    event
}

struct Lines {
    events: Events,
    keep_alive: Interval,
    shutdown: CancellationToken,
    /// Given back when nobody reads any more.
    _place: Option<Listener>,
}

/// Events as lines, with an empty line at once and every [`KEEP_ALIVE`]. Ends with the last event, or with the hub.
fn lines(
    events: Events,
    shutdown: CancellationToken,
    place: Option<Listener>,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    let mut keep_alive = interval(KEEP_ALIVE);
    keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold(
        Lines {
            events,
            keep_alive,
            shutdown,
            _place: place,
        },
        |mut lines| async move {
            let line = tokio::select! {
                biased;
                () = lines.shutdown.cancelled() => return None,
                _ = lines.keep_alive.tick() => Bytes::from_static(b"\n\n"),
                event = lines.events.next() => line(&event?),
            };
            Some((Ok(line), lines))
        },
    )
}

fn line(event: &ProgressEvent) -> Bytes {
    let json = serde_json::to_string(event).unwrap_or_else(|_| "{}".to_owned());
    Bytes::from(format!("data: {json}\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn keeps_alive_and_ends_with_the_last_event() {
        let slow = stream::unfold(0, |n| async move {
            tokio::time::sleep(Duration::from_secs(9)).await;
            (n < 2).then(|| {
                (
                    ProgressEvent {
                        progress: 50 * n,
                        message: "x".into(),
                        ..ProgressEvent::default()
                    },
                    n + 1,
                )
            })
        });
        let sent: Vec<Bytes> = lines(Box::pin(slow), CancellationToken::new(), None)
            .map(|line| line.unwrap())
            .collect()
            .await;
        let text = String::from_utf8(sent.concat()).unwrap();
        assert_eq!(
            text.trim_end_matches('\n'),
            "\n\n\n\ndata: {\"progress\":0,\"message\":\"x\"}\n\n\n\ndata: {\"progress\":50,\"message\":\"x\"}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn ends_with_the_hub() {
        let shutdown = CancellationToken::new();
        let mut lines = Box::pin(lines(Box::pin(stream::pending()), shutdown.clone(), None));
        assert_eq!(
            lines.next().await.unwrap().unwrap(),
            Bytes::from_static(b"\n\n")
        );
        shutdown.cancel();
        assert!(lines.next().await.is_none());
    }
}
