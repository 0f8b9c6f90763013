//! Which target answers, and what it is asked for.

use serde_json::json;

use crate::harness::{Target, TestProxy, fetch, get, nobody};

#[tokio::test]
async fn the_longest_prefix_of_whole_segments_answers() {
    let (hub, alice, gpu) = (
        Target::named("hub").await,
        Target::named("alice").await,
        Target::named("gpu").await,
    );
    let proxy = TestProxy::with_route("/", &hub).await;
    proxy.route("/user/alice", &alice.url()).await;
    proxy.route("/user/alice/gpu/", &gpu.url()).await;
    for (path, name) in [
        ("/", "hub"),
        ("/hub/home", "hub"),
        ("/user/alice", "alice"),
        ("/user/alice/tree?x=/user/bob", "alice"),
        ("/user/alicex", "hub"),
        ("/user/alice/gpu/api", "gpu"),
        ("/user/alice/gpux", "alice"),
        ("/user/bob/../alice/", "alice"),
        ("/user/%61lice/x", "alice"),
    ] {
        let reply = proxy.get(path).await;
        assert_eq!(reply.json()["name"], name, "{path}");
    }
    assert_eq!(
        proxy.get("/user/alice/tree?x=1&y=%20").await.json()["url"],
        "/user/alice/tree?x=1&y=%20"
    );
    assert_eq!(
        proxy.get("/user/bob/../alice/").await.json()["url"],
        "/user/alice/"
    );
    assert_eq!(
        proxy
            .call("DELETE", "/api/routes/user/alice", "")
            .await
            .status,
        204
    );
    assert_eq!(proxy.get("/user/alice/tree").await.json()["name"], "hub");
    assert_eq!(proxy.get("/user/alice/gpu/x").await.json()["name"], "gpu");
}

#[tokio::test]
async fn escaped_names_are_decoded_for_matching_and_forwarded_as_they_came() {
    let target = Target::named("t").await;
    let proxy = TestProxy::with_route("/user/al%20ice", &target).await;
    assert_eq!(
        proxy.get("/user/al%20ice/x%2Fy").await.json()["url"],
        "/user/al%20ice/x%2Fy"
    );
    for path in ["/user/%zz", "/user/%c0%af", "/%"] {
        assert_eq!(proxy.get(path).await.status, 400, "{path}");
    }
    for path in ["/__proto__", "/constructor", "/user/al", "/user/a%00"] {
        assert_eq!(proxy.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_targets_own_path_comes_first() {
    let target = Target::named("t").await;
    let with_path = format!("{}/pre/fix?k=v", target.url());
    for (options, expected) in [
        (&[][..], "/pre/fix/base/y?k=v&z=1"),
        (&["--no-prepend-path"], "/base/y?z=1"),
        (&["--no-include-prefix"], "/pre/fix/y?k=v&z=1"),
        (&["--no-include-prefix", "--no-prepend-path"], "/y?z=1"),
    ] {
        let proxy = TestProxy::start(options).await;
        proxy.route("/base", &with_path).await;
        assert_eq!(
            proxy.get("/base/y?z=1").await.json()["url"],
            expected,
            "{options:?}"
        );
    }
}

#[tokio::test]
async fn hosts_can_be_the_first_segment() {
    let (hub, alice) = (Target::named("hub").await, Target::named("alice").await);
    let proxy = TestProxy::start(&["--host-routing", "--default-target", &hub.url()]).await;
    proxy
        .route("/alice.example.com/user/alice", &alice.url())
        .await;
    for (host, path, name) in [
        ("alice.example.com", "/user/alice/x", "alice"),
        ("Alice.Example.com:8000", "/user/alice/x", "alice"),
        ("alice.example.com", "/hub", "hub"),
        ("bob.example.com", "/user/alice/x", "hub"),
    ] {
        let mut request = get(path);
        request.headers_mut().insert("host", host.parse().unwrap());
        let reply = fetch(proxy.public, request).await.json();
        assert_eq!(
            (&reply["name"], &reply["url"]),
            (&json!(name), &json!(path)),
            "{host}{path}"
        );
    }
    let route = proxy
        .call("GET", "/api/routes/alice.example.com/user/alice", "")
        .await
        .json();
    assert_eq!(route["host"], "alice.example.com");
}

#[tokio::test]
async fn targets_may_be_unix_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut space = [0; 1000];
        let count = stream.read(&mut space).await.unwrap();
        assert!(space[..count].starts_with(b"GET /u/x HTTP/1.1\r\n"));
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nunix")
            .await
            .unwrap();
    });
    let proxy = TestProxy::start(&[]).await;
    let host = path.to_str().unwrap().replace('/', "%2F");
    proxy.route("/u", &format!("http+unix://{host}")).await;
    assert_eq!(proxy.get("/u/x").await.text(), "unix");
}

#[tokio::test]
async fn no_answer_comes_from_a_wrong_target_while_routes_change() {
    let (a, ab) = (Target::named("a").await, Target::named("ab").await);
    let proxy = TestProxy::with_route("/user/a", &a).await;
    let changing = async {
        for n in 0..150 {
            proxy.route("/user/ab", &ab.url()).await;
            proxy
                .route(&format!("/user/other{n}"), &nobody().await)
                .await;
            assert_eq!(
                proxy.call("DELETE", "/api/routes/user/ab", "").await.status,
                204
            );
        }
    };
    let asking = async {
        for _ in 0..300 {
            assert_eq!(proxy.get("/user/a/x").await.json()["name"], "a");
            let reply = proxy.get("/user/ab/x").await;
            assert!(
                reply.status == 404 || reply.json()["name"] == "ab",
                "{reply:?}"
            );
        }
    };
    tokio::join!(changing, asking);
}
