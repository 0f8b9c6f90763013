//! Targets that do what they like with each connection.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A target that does what it likes with each connection.
pub(super) struct Target {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Target {
    pub(super) async fn start<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        Self { address, task }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Reads a request head; what follows it, if all of it came.
pub(super) async fn head(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut space = vec![0; 16 * 1024];
    loop {
        if let Some(at) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            return Some(bytes.split_off(at + 4));
        }
        match stream.read(&mut space).await {
            Ok(count @ 1..) => bytes.extend_from_slice(&space[..count]),
            _ => return None,
        }
    }
}

/// Sends without end, until the other side has had enough.
pub(super) async fn pour(stream: &mut TcpStream) {
    let chunk = vec![b'x'; 64 * 1024];
    while stream.write_all(&chunk).await.is_ok() {}
}
