//! A WebSocket that sends back what it gets.

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use hubauth::LoginWatch;

use super::Demo;

/// Longest message that is sent back, in bytes.
const MAX_MESSAGE: usize = 64 << 10;

/// Opens the WebSocket.
pub(super) async fn upgrade(
    State(demo): State<Demo>,
    watch: LoginWatch,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade
        .max_message_size(MAX_MESSAGE)
        .on_upgrade(async move |socket| {
            tokio::select! {
                () = echo(socket, demo) => {}
                end = watch.ended() => tracing::info!(?end, "closing a WebSocket: its login has ended"),
            }
        })
}

async fn echo(mut socket: WebSocket, demo: Demo) {
    while let Some(Ok(message)) = socket.recv().await {
        let back = match message {
            Message::Text(_) | Message::Binary(_) => message,
            Message::Close(_) => return,
            // The library answers pings; nobody used anything.
            Message::Ping(_) | Message::Pong(_) => continue,
        };
        demo.last_use.note();
        if socket.send(back).await.is_err() {
            return;
        }
    }
}
