//! A Jupyter server as its frontends use it: kernels over REST and their channels over a WebSocket.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::{Client, Ws};

/// Numbers the messages of this process.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A running kernel with its channels open.
#[derive(Debug)]
pub struct Notebook {
    channels: Ws,
    session: String,
}

impl Notebook {
    /// Starts a kernel at the server with this path (for example `/user/mal/`) and opens its channels with `token`.
    ///
    /// # Panics
    /// When the server refuses.
    pub async fn start(client: &Client, server: &str, token: &str) -> Self {
        let authorized = client.clone().token(token);
        let kernel = authorized
            .post(
                &format!("{server}api/kernels"),
                &json!({ "name": "python3" }),
            )
            .await
            .expect(201)
            .json();
        let id = kernel["id"].as_str().expect("an id");
        let session = format!("e2e-{id}");
        let url = client.url(&format!(
            "{server}api/kernels/{id}/channels?session_id={session}"
        ));
        let headers = [("authorization", format!("token {token}"))];
        let channels = Ws::open(&url, &headers)
            .await
            .unwrap_or_else(|status| panic!("the kernel's channels answer {status}"));
        Self { channels, session }
    }

    /// Runs code and returns what it printed.
    ///
    /// # Panics
    /// When the code raises an exception.
    pub async fn run(&mut self, code: &str) -> String {
        let id = self
            .send(
                "execute_request",
                &json!({
                    "code": code, "silent": false, "store_history": true, "user_expressions": {},
                    "allow_stdin": false, "stop_on_error": true,
                }),
            )
            .await;
        let mut printed = String::new();
        loop {
            let message: Value = serde_json::from_str(&self.channels.text().await).expect("JSON");
            if message["parent_header"]["msg_id"] != id.as_str() {
                continue;
            }
            match message["msg_type"].as_str().unwrap_or_default() {
                "stream" => {
                    printed.push_str(message["content"]["text"].as_str().unwrap_or_default());
                }
                "error" => panic!("the code failed: {:#}", message["content"]),
                "status" if message["content"]["execution_state"] == "idle" => return printed,
                _ => {}
            }
        }
    }

    /// Sends one frame that does nothing.
    ///
    /// # Panics
    /// When the socket is gone.
    pub async fn ping(&mut self) {
        self.channels
            .ping()
            .await
            .expect("the kernel's socket is open");
    }

    async fn send(&mut self, kind: &str, content: &Value) -> String {
        let id = format!(
            "{}-{}",
            self.session,
            NEXT_ID.fetch_add(1, Ordering::Relaxed)
        );
        let message = json!({
            "channel": "shell",
            "header": {
                "msg_id": id, "msg_type": kind, "session": self.session, "username": "e2e",
                "version": "5.3", "date": "2026-01-01T00:00:00Z",
            },
            "parent_header": {}, "metadata": {}, "buffers": [], "content": content,
        });
        self.channels.send(&message.to_string()).await;
        id
    }
}
