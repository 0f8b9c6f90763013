//! Web servers that ask `hub forward-auth`, with the configurations of `examples/forward-auth`.

mod caddy;
mod nginx;

use std::time::Duration;

use e2e::Client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What strangers say to be let in: the published bypasses of oauth2-proxy, and their neighbours.
const WORDS: [&str; 14] = [
    "Accept: */*",
    "User-Agent: kube-probe/1.30",
    "User-Agent: GoogleHC/1.0",
    "X-Forwarded-Uri: /services/docs/health",
    "X-Forwarded-Uri: /_hub/health",
    "X-Original-URI: /services/docs/health",
    "X-Original-URL: /services/docs/health",
    "X-Forwarded-Method: OPTIONS",
    "X-Original-Method: OPTIONS",
    "X-HTTP-Method-Override: OPTIONS",
    "X-Forwarded-For: 127.0.0.1\r\nX-Real-IP: 127.0.0.1",
    "X-Hub-User: admin\r\nX-Hub-Admin: true",
    "X_Hub_User: admin",
    "Authorization: Basic YWRtaW46YWRtaW4=",
];

/// Other ways to write the path of a page.
fn paths(page: &str) -> [String; 8] {
    [
        page.to_owned(),
        format!("{page}?x=/services/docs/health"),
        format!("{page}#/services/docs/health"),
        format!("/{page}"),
        format!("/services/docs/..{}", "/..".to_owned() + page),
        format!("/services/docs/%2e%2e/%2e%2e{page}"),
        format!("/_hub/..{page}"),
        format!("http://localhost{page}"),
    ]
}

/// Sends a request as it stands here, which no HTTP client would; gives everything that comes back.
async fn raw(address: &str, method: &str, path: &str, word: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{word}\r\n\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it reads");
    let mut reply = Vec::new();
    timeout(Duration::from_secs(20), stream.read_to_end(&mut reply))
        .await
        .expect("an answer in time")
        .expect("an answer");
    String::from_utf8_lossy(&reply).into_owned()
}

/// Nobody sees `content`, which is at `page`, without a login, whatever they say.
async fn strangers_stay_out(origin: &str, page: &str, content: &str) {
    let client = Client::new(origin);
    let address = client.url("/").authority().to_owned();
    for word in WORDS {
        for path in paths(page) {
            for method in ["GET", "POST", "OPTIONS"] {
                let reply = raw(&address, method, &path, word).await;
                let what = format!("{method} {path} with {word:?}: {reply}");
                assert!(reply.starts_with("HTTP/1.1 "), "{what}");
                assert!(!reply.contains(content), "{what}");
                if path == page {
                    let status = &reply["HTTP/1.1 ".len()..][..3];
                    assert!(["302", "401", "403"].contains(&status), "{what}");
                }
            }
        }
    }
}
