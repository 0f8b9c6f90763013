//! The progress of a starting server: Server-Sent Events as a stream.

use futures_util::stream::{self, Stream};
use http::{Method, header};
use hub_types::progress::ProgressEvent;

use super::call::Patience;
use super::servers::server_path;
use super::{ClientError, HubClient, error};

/// Longest event that is read, in bytes.
const MAX_EVENT: usize = 256 * 1024;

/// A silence of this length ends the stream; the hub sends a sign of life every 8 s.
const SILENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// Where the stream stands.
enum State {
    Start,
    Reading {
        reply: Box<reqwest::Response>,
        lines: Lines,
    },
    End,
}

impl HubClient {
    /// Events of a starting server (`GET …/progress`, scope `read:servers`). The last one has `ready` or `failed`.
    ///
    /// A server that already runs gives just the `ready` event. The first item is an error with status 400 when the
    /// server is not starting, 404 when there is none.
    pub fn server_progress(
        &self,
        user: &str,
        server: &str,
    ) -> impl Stream<Item = Result<ProgressEvent, ClientError>> + Send + use<> {
        let path = format!("{}/progress", server_path(user, server));
        stream::try_unfold(
            (self.clone(), path, State::Start),
            |(client, path, state)| async move {
                let (mut reply, mut lines) = match state {
                    State::Start => (
                        Box::new(client.open_progress(&path).await?),
                        Lines::default(),
                    ),
                    State::Reading { reply, lines } => (reply, lines),
                    State::End => return Ok(None),
                };
                let url = format!("{}{path}", client.api_url());
                let Some(event) = next_event(&url, &mut reply, &mut lines).await? else {
                    return Ok(None);
                };
                let next = if event.ready || event.failed {
                    State::End
                } else {
                    State::Reading { reply, lines }
                };
                Ok(Some((event, (client, path, next))))
            },
        )
    }

    async fn open_progress(&self, path: &str) -> Result<reqwest::Response, ClientError> {
        let call = self.request(Method::GET, path).patience(Patience::Stream);
        let call = call.header(header::ACCEPT, "text/event-stream");
        Ok(self.send(call).await?.reply)
    }
}

async fn next_event(
    url: &str,
    reply: &mut reqwest::Response,
    lines: &mut Lines,
) -> Result<Option<ProgressEvent>, ClientError> {
    let bad = |reason: String| ClientError::BadReply {
        url: url.to_owned(),
        reason,
    };
    loop {
        while let Some(line) = lines.next_line() {
            if let Some(data) = line.strip_prefix("data:") {
                return serde_json::from_str(data.trim())
                    .map(Some)
                    .map_err(|error| bad(error.to_string()));
            }
        }
        let chunk = tokio::time::timeout(SILENCE, reply.chunk())
            .await
            .map_err(|_| ClientError::Timeout {
                url: url.to_owned(),
                after: SILENCE,
            })?
            .map_err(|error| error::transport(url, SILENCE, &error))?;
        match chunk {
            None => return Ok(None),
            Some(_) if lines.0.len() > MAX_EVENT => {
                return Err(bad(format!("an event is longer than {MAX_EVENT} bytes")));
            }
            Some(chunk) => lines.0.extend_from_slice(&chunk),
        }
    }
}

/// Cuts a byte stream into lines. Events of the hub are one `data:` line each, so lines are enough.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn next_line(&mut self) -> Option<String> {
        let end = self.0.iter().position(|byte| *byte == b'\n')?;
        let line: Vec<u8> = self.0.drain(..=end).collect();
        Some(String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_wherever_chunks_end() {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for chunk in ["data: {\"a", "\":1}\n\n\n", "da", "ta: 2\r\n"] {
            lines.0.extend_from_slice(chunk.as_bytes());
            while let Some(line) = lines.next_line() {
                seen.push(line);
            }
        }
        assert_eq!(seen, ["data: {\"a\":1}", "", "", "data: 2"]);
    }
}
