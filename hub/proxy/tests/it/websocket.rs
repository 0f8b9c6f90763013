//! WebSockets: a tunnel after the target's own 101, and nothing before.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::harness::{Target, TestProxy, eventually, nobody, raw, soon};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const PROTOCOL: &str = "v1.kernel.websocket.jupyter.org";

/// A server that echoes messages, picks [`PROTOCOL`], and sends three messages when asked for `burst`.
pub(crate) async fn echo() -> Target {
    Target::accepting(|stream| async move {
        #[expect(clippy::result_large_err, reason = "the callback's type is given")]
        let choose = |request: &Request, mut response: Response| {
            assert_eq!(request.headers()["x-forwarded-proto"], "ws");
            assert!(!request.headers().contains_key("x-forwarded-host"));
            if let Some(offer) = request.headers().get("sec-websocket-protocol") {
                assert_eq!(offer, &format!("other, {PROTOCOL}"));
                response
                    .headers_mut()
                    .insert("sec-websocket-protocol", PROTOCOL.parse().unwrap());
            }
            Ok(response)
        };
        let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, choose).await else {
            return;
        };
        while let Some(Ok(message)) = socket.next().await {
            match message {
                Message::Text(text) if text == "burst" => {
                    for n in 0..3 {
                        let _ = socket.send(Message::text(format!("{n}"))).await;
                    }
                }
                Message::Text(_) | Message::Binary(_) => {
                    let _ = socket.send(message).await;
                }
                _ => {}
            }
        }
    })
    .await
}

/// Opens a WebSocket through the proxy.
pub(crate) async fn open(proxy: &TestProxy, path: &str) -> Socket {
    let (socket, _) = soon(tokio_tungstenite::connect_async(format!(
        "ws://{}{path}",
        proxy.public
    )))
    .await
    .unwrap();
    socket
}

/// Sends a message and waits for its echo.
pub(crate) async fn ask(socket: &mut Socket, text: &str) -> String {
    socket.send(Message::text(text)).await.unwrap();
    soon(socket.next())
        .await
        .unwrap()
        .unwrap()
        .into_text()
        .unwrap()
        .to_string()
}

#[tokio::test]
async fn messages_pass_and_the_subprotocol_is_kept() {
    let target = echo().await;
    let proxy = TestProxy::with_route("/user/a", &target).await;
    let mut request = format!("ws://{}/user/a/api/kernels/1/channels", proxy.public)
        .into_client_request()
        .unwrap();
    request.headers_mut().insert(
        "sec-websocket-protocol",
        format!("other, {PROTOCOL}").parse().unwrap(),
    );
    let (mut socket, response) = soon(tokio_tungstenite::connect_async(request))
        .await
        .unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], PROTOCOL);
    assert_eq!(ask(&mut socket, "hello").await, "hello");
    let large = "x".repeat(3_000_000);
    assert_eq!(ask(&mut socket, &large).await, large);
    socket.send(Message::Ping("p".into())).await.unwrap();
    assert_eq!(
        soon(socket.next()).await.unwrap().unwrap(),
        Message::Pong("p".into())
    );
    soon(socket.close(None)).await.unwrap();
    while let Some(Ok(_)) = soon(socket.next()).await {}
}

#[tokio::test]
async fn changing_routes_leaves_open_sockets_alone() {
    let (target, other) = (echo().await, Target::named("other").await);
    let proxy = TestProxy::with_route("/user/a", &target).await;
    let mut socket = open(&proxy, "/user/a/ws").await;
    assert_eq!(ask(&mut socket, "1").await, "1");
    proxy.route("/user/a", &other.url()).await;
    assert_eq!(proxy.get("/user/a").await.json()["name"], "other");
    assert_eq!(ask(&mut socket, "2").await, "2");
    assert_eq!(
        proxy.call("DELETE", "/api/routes/user/a", "").await.status,
        204
    );
    assert_eq!(proxy.get("/user/a").await.status, 404);
    assert_eq!(ask(&mut socket, "3").await, "3");
}

#[tokio::test]
async fn refused_handshakes_are_plain_answers() {
    let forbidden = Target::accepting(|mut stream| async move {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream
            .write_all(b"HTTP/1.1 403 Forbidden\r\nX-Why: because\r\nContent-Length: 2\r\n\r\nno")
            .await;
    })
    .await;
    let proxy = TestProxy::with_route("/forbidden", &forbidden).await;
    proxy.route("/dead", &nobody().await).await;
    for (path, status, body) in [
        ("/forbidden", 403, Some("no")),
        ("/dead", 503, None),
        ("/none", 404, None),
    ] {
        let error = soon(tokio_tungstenite::connect_async(format!(
            "ws://{}{path}",
            proxy.public
        )))
        .await
        .unwrap_err();
        let Error::Http(answer) = error else {
            panic!("{path}: {error}")
        };
        assert_eq!(answer.status(), status);
        let given = answer.body().as_deref().unwrap_or_default();
        assert_eq!(
            String::from_utf8_lossy(given),
            body.unwrap_or_default(),
            "{path}"
        );
    }
}

const HANDSHAKE: &str = "GET /x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[tokio::test]
async fn what_follows_a_refused_handshake_is_no_request() {
    let (target, seen) = Target::recording(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno").await;
    let proxy = TestProxy::with_route("/", &target).await;
    let answer = raw(
        proxy.public,
        format!("{HANDSHAKE}GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes(),
    )
    .await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nno"),
        "{answer}"
    );
    assert!(answer.contains("connection: close"), "{answer}");
    let seen = String::from_utf8_lossy(&seen.lock().unwrap()).into_owned();
    assert!(!seen.contains("smuggled"), "{seen}");
}

#[tokio::test]
async fn only_a_websocket_handshake_becomes_a_tunnel() {
    let (target, seen) =
        Target::recording(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            .await;
    let proxy = TestProxy::with_route("/", &target).await;
    for (line, extra) in [
        (
            "GET / HTTP/1.1",
            "Upgrade: h2c\r\nConnection: Upgrade, close\r\n",
        ),
        (
            "POST / HTTP/1.1",
            "Upgrade: websocket\r\nConnection: Upgrade, close\r\nContent-Length: 0\r\n",
        ),
        (
            "GET / HTTP/1.1",
            "Upgrade: websocket\r\nConnection: close\r\n",
        ),
        (
            "GET / HTTP/1.1",
            "Upgrade: websocket\r\nConnection: Upgrade, close\r\nContent-Length: 1\r\n\r\nx",
        ),
    ] {
        let answer = raw(
            proxy.public,
            format!("{line}\r\nHost: h\r\n{extra}\r\n").as_bytes(),
        )
        .await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n"),
            "{line} {extra:?}: {answer}"
        );
        let seen =
            String::from_utf8_lossy(&std::mem::take(&mut *seen.lock().unwrap())).to_lowercase();
        assert!(!seen.contains("upgrade"), "{seen}");
    }
}

#[tokio::test]
async fn a_switch_that_nobody_asked_for_is_an_error() {
    let switch =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let (target, _) = Target::recording(switch).await;
    let proxy = TestProxy::with_route("/", &target).await;
    assert_eq!(proxy.get("/").await.status, 503);
    let (target, _) = Target::recording(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    )
    .await;
    let proxy = TestProxy::with_route("/", &target).await;
    let answer = raw(proxy.public, HANDSHAKE.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[tokio::test]
async fn either_end_closes_both() {
    let switch =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let (ended, mut has_ended) = tokio::sync::mpsc::channel(10);
    let target = Target::accepting(move |mut stream| {
        let ended = ended.clone();
        async move {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(switch.as_bytes()).await;
            let mut space = [0; 1];
            // A byte means "you close first", anything else "I have closed".
            if stream.read(&mut space).await.is_ok_and(|count| count == 1) {
                return;
            }
            let _ = ended.send(()).await;
        }
    })
    .await;
    let proxy = TestProxy::with_route("/", &target).await;
    let connect = async || {
        let mut client = TcpStream::connect(proxy.public).await.unwrap();
        client.write_all(HANDSHAKE.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(soon(client.read_u8()).await.unwrap());
        }
        client
    };
    drop(connect().await);
    soon(has_ended.recv()).await.unwrap();
    let mut client = connect().await;
    client.write_all(b"!").await.unwrap();
    let mut rest = Vec::new();
    soon(client.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty());
}

#[tokio::test]
async fn bytes_that_come_with_the_handshake_are_for_the_tunnel() {
    let switch =
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let (target, seen) = Target::recording(switch).await;
    let proxy = TestProxy::with_route("/", &target).await;
    let mut client = TcpStream::connect(proxy.public).await.unwrap();
    let early = "x".repeat(20_000);
    client
        .write_all(format!("{HANDSHAKE}{early}").as_bytes())
        .await
        .unwrap();
    eventually("all of it arrives", async || {
        seen.lock()
            .unwrap()
            .ends_with(format!("\r\n\r\n{early}").as_bytes())
    })
    .await;
}

#[tokio::test]
async fn stopping_the_proxy_ends_tunnels() {
    let target = echo().await;
    let proxy = TestProxy::with_route("/", &target).await;
    let mut socket = open(&proxy, "/").await;
    assert_eq!(ask(&mut socket, "1").await, "1");
    drop(proxy);
    eventually("the tunnel is cut", async || match socket.next().await {
        Some(Ok(_)) => false,
        Some(Err(_)) | None => true,
    })
    .await;
}
