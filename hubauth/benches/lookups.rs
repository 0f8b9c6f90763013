//! What the SDK costs: look-ups and checks in this process, or (`serve`) two services to put load on, one behind the layer.
//! `compare.sh` runs both beside JupyterHub's Python classes.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program that measures says what it saw, or why it cannot"
)]

use std::convert::Infallible;
use std::hint::black_box;
use std::time::{Duration, Instant};

use axum::{Router, routing::get};
use http::{Request, Response};
use hubauth::testing::FakeHub;
use hubauth::{HubAuth, HubUser, Token};
use tokio::net::TcpListener;
use tower::{Layer as _, Service as _, service_fn};

/// How long each measurement takes.
const TIME: Duration = Duration::from_secs(2);

/// The token of the visitor, known to the fake hub; 64 characters, as the hub's own.
const TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

async fn hub() -> (FakeHub, HubAuth) {
    let hub = FakeHub::start().await.expect("a free port");
    let alice = hub.add_user("alice");
    let config = hub.config("bench").expect("a configuration");
    let auth = HubAuth::new(config).expect("a client");
    let identity = auth.client().whoami(&alice).await.expect("an answer");
    hub.know_token(&token(), identity.expect("alice"));
    (hub, auth)
}

fn token() -> Token {
    Token::from_config(TOKEN)
}

/// Calls `work` for [`TIME`]; gives calls per second.
async fn rate(mut work: impl AsyncFnMut()) -> f64 {
    const BATCH: u32 = 1_000;
    let start = Instant::now();
    let mut calls = 0_u32;
    while start.elapsed() < TIME {
        for _ in 0..BATCH {
            work().await;
        }
        calls += BATCH;
    }
    f64::from(calls) / start.elapsed().as_secs_f64()
}

fn report(what: &str, per_second: f64) {
    println!("{what}: {per_second:.0}/s, {:.0} ns", 1e9 / per_second);
}

async fn in_process() {
    let (_hub, auth) = hub().await;
    let token = token();
    let look_up = async || {
        black_box(
            auth.user_for_token(&token)
                .await
                .expect("an answer")
                .expect("alice"),
        );
    };
    report("cached look-up", rate(look_up).await);

    let inner = service_fn(|request: Request<()>| async move {
        let name = request.extensions().get::<HubUser>().is_some();
        Ok::<_, Infallible>(Response::new(http_body_util::Full::new(
            bytes::Bytes::from_static(if name { b"hello" } else { b"nobody" }),
        )))
    });
    let request = || {
        Request::get("/")
            .header("authorization", format!("token {TOKEN}"))
            .body(())
            .expect("a request")
    };
    let mut bare = inner;
    let plain = async || {
        black_box(bare.call(request()).await.expect("infallible"));
    };
    report("request without the layer", rate(plain).await);
    let mut service = auth.layer().layer(inner);
    let protected = async || {
        let reply = service.call(request()).await.expect("infallible");
        assert_eq!(reply.status(), 200);
        black_box(reply);
    };
    report("request through the layer", rate(protected).await);
}

/// Serves until killed; says where.
async fn serve() {
    let (hub, auth) = hub().await;
    let app = Router::new().route(
        "/",
        get(|| async { format!("hello {}", black_box("alice").len()) }),
    );
    let known = Router::new().route(
        "/",
        get(|user: HubUser| async move { format!("hello {}", user.name.len()) }),
    );
    let plain = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let protected = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!(
        "{} {} {}",
        hub.api_url(),
        plain.local_addr().expect("an address"),
        protected.local_addr().expect("an address")
    );
    let (plain, protected) = tokio::join!(async { axum::serve(plain, app).await }, async {
        axum::serve(protected, known.layer(auth.layer())).await
    });
    plain.and(protected).expect("a server that goes on");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if std::env::args().any(|arg| arg == "serve") {
        serve().await;
    } else {
        in_process().await;
    }
}
