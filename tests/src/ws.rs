//! A WebSocket client.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use url::Url;

/// Longest wait for one message.
const WAIT: Duration = Duration::from_secs(60);

/// An open WebSocket.
#[derive(Debug)]
pub struct Ws {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Ws {
    /// Opens `url` (`http` or `ws`) with these headers.
    ///
    /// # Errors
    /// The status of the reply when it is not a WebSocket.
    ///
    /// # Panics
    /// When there is no reply at all.
    pub async fn open(url: &Url, headers: &[(&'static str, String)]) -> Result<Self, u16> {
        let mut url = url.clone();
        url.set_scheme("ws").expect("http becomes ws");
        let mut request = url.as_str().into_client_request().expect("a request");
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("a header value");
            request
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
        match connect_async(request).await {
            Ok((stream, _)) => Ok(Self { stream }),
            Err(Error::Http(reply)) => Err(reply.status().as_u16()),
            Err(error) => panic!("{url}: {error}"),
        }
    }

    /// Sends a text message.
    ///
    /// # Panics
    /// When the connection is gone.
    pub async fn send(&mut self, text: &str) {
        self.stream
            .send(Message::text(text))
            .await
            .expect("the socket is open");
    }

    /// Sends a ping frame.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn ping(&mut self) -> Result<(), Error> {
        self.stream.send(Message::Ping(Vec::new().into())).await
    }

    /// The next text message; control frames and binary messages are passed over.
    ///
    /// # Panics
    /// When the connection ends or nothing comes for a minute.
    pub async fn text(&mut self) -> String {
        loop {
            let message = timeout(WAIT, self.stream.next())
                .await
                .expect("a message in time");
            match message
                .expect("the socket is open")
                .expect("a whole message")
            {
                Message::Text(text) => return text.as_str().to_owned(),
                Message::Close(frame) => panic!("the socket was closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// Closes it in an orderly way.
    pub async fn close(mut self) {
        // Both sides may close at once.
        let _ = self.stream.close(None).await;
    }
}
