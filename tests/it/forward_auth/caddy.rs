//! An application on a host of its own: the real Caddy with the configuration of `examples/forward-auth`, the service beside
//! it as its README says, and the hub elsewhere.

use std::time::Duration;

use axum::http::{HeaderMap, Uri};
use axum::{Json, Router};
use e2e::{Client, Process, Stack, Visitor, eventually, peers, ports, programs};
use serde_json::{Value, json};

use super::strangers_stay_out;
use crate::spec;

const TOKEN: &str = "a-token-that-the-administrator-chose";

/// What only the application says.
const CONTENT: &str = "the application itself";

/// Tells which request it was sent.
async fn application() -> u16 {
    let say = async |uri: Uri, headers: HeaderMap| {
        let headers: Value = headers
            .iter()
            .map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap_or_default())))
            .collect();
        Json(json!({ "content": CONTENT, "uri": uri.to_string(), "headers": headers }))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(say)).await });
    port
}

/// A hub that knows the service `app`, which it does not start.
async fn hub(front: u16) -> Stack {
    Stack::builder()
        .config(&format!(
            "[[JupyterHub.services]]\nname = 'app'\napi_token = {TOKEN:?}\noauth_client_id = 'service-app'\n\
             oauth_redirect_uri = 'http://127.0.0.1:{front}/_hub/oauth_callback'\noauth_no_confirm = true\n\
             [JupyterHub.load_groups]\nreaders = {{ users = ['zoe'] }}"
        ))
        .config(spec::USERS_MAY_OPEN_SERVICES)
        .start()
        .await
}

fn forward_auth(stack: &Stack, front: u16, service: u16) -> Process {
    let mut command = stack.sandbox().command(programs::path("hub"));
    command
        .args(["forward-auth", "--group=readers"])
        .arg(format!("--site=http://127.0.0.1:{front}/"))
        .env("JUPYTERHUB_SERVICE_NAME", "app")
        .env("JUPYTERHUB_API_TOKEN", TOKEN)
        .env("JUPYTERHUB_API_URL", format!("{}hub/api", stack.url()))
        .env("JUPYTERHUB_HOST", stack.url().trim_end_matches('/'))
        .env("JUPYTERHUB_SERVICE_PREFIX", "/_hub/")
        .env(
            "JUPYTERHUB_SERVICE_URL",
            format!("http://127.0.0.1:{service}"),
        );
    stack.sandbox().start("forward-auth", command)
}

fn caddy(stack: &Stack, front: u16, service: u16, application: u16) -> Process {
    let example = peers::workspace().join("examples/forward-auth/Caddyfile");
    let site = std::fs::read_to_string(example).expect("the example");
    let site = site
        .replace("app.example.com", &format!("http://127.0.0.1:{front}"))
        .replace("127.0.0.1:9090", &format!("127.0.0.1:{service}"))
        .replace("127.0.0.1:3000", &format!("127.0.0.1:{application}"));
    // Nothing but this site: no API.
    let text = format!("{{\n\tadmin off\n}}\n{site}");
    let file = stack.sandbox().write("Caddyfile", text);
    let mut command = stack.sandbox().command(peers::caddy());
    command
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(file);
    stack.sandbox().start("caddy", command)
}

#[tokio::test]
async fn caddy_puts_an_application_on_a_host_of_its_own_behind_the_login() {
    let (front, service) = (ports::free(), ports::free());
    let application = application().await;
    let stack = hub(front).await;
    let _forward_auth = forward_auth(&stack, front, service);
    let _caddy = caddy(&stack, front, service, application);
    let origin = format!("http://127.0.0.1:{front}/");
    let client = Client::new(&origin);
    eventually(Duration::from_secs(20), "both answer", async || {
        client
            .try_get("/_hub/health")
            .await
            .is_ok_and(|reply| reply.status == 200)
    })
    .await;
    strangers_stay_out(&origin, "/page", CONTENT).await;

    // A stranger is led to the hub's login on its own host, and back to the page.
    let mut zoe = Visitor::new(client.clone(), stack.url());
    let page = zoe.follow("/page?x=1&y").await.expect(200);
    assert!(
        page.url.as_str().starts_with(stack.url()) && page.url.path() == "/hub/login",
        "{}",
        page.url
    );
    zoe.login("zoe", "x").await;
    let page = zoe.open("/page?x=1&y").await.expect(200).json();
    assert_eq!(page["uri"], "/page?x=1&y");
    for (name, value) in [
        ("x-hub-user", "zoe"),
        ("x-hub-groups", "readers"),
        ("x-hub-kind", "user"),
        ("x-hub-admin", "false"),
    ] {
        assert_eq!(page["headers"][name], value, "{page:#}");
    }
    let cookie = zoe.jar.get("service-app", "/page").expect("its cookie");
    let seen = page["headers"]["cookie"].as_str().unwrap_or_default();
    assert!(
        !seen.contains(&cookie.value),
        "the login stays here: {seen}"
    );
    assert!(cookie.http_only && cookie.path == "/", "{cookie:?}");

    // Forms of its own pages pass, those of other sites do not, and no header can be brought along.
    let cookies = zoe.jar.header("/page").expect("cookies");
    for (origin, passes) in [
        (origin.trim_end_matches('/'), true),
        ("http://evil.example", false),
    ] {
        let request = client
            .request(reqwest::Method::POST, "/page")
            .header("origin", origin)
            .header("cookie", &cookies);
        let reply = client.send(request).await;
        assert_eq!(reply.status == 200, passes, "{origin}: {reply:#?}");
    }
    for name in ["x-hub-user", "x_hub_user", "x-hub-anything"] {
        let request = client
            .request(reqwest::Method::GET, "/page")
            .header(name, "admin")
            .header("cookie", &cookies);
        assert_eq!(client.send(request).await.status, 403, "{name}");
    }

    // Nor can one be struck out.
    for strike in ["X-Hub-User", "close, x-hub-admin"] {
        let request = client
            .request(reqwest::Method::GET, "/page")
            .header("connection", strike)
            .header("cookie", &cookies);
        assert_eq!(client.send(request).await.status, 400, "{strike}");
    }

    // Somebody who is no reader, and programs.
    let mut mal = Visitor::new(client.clone(), stack.url());
    mal.login("mal", "x").await;
    assert_eq!(mal.open("/page").await.status, 403);
    let token = stack.api().new_token("zoe", &[]).await;
    let page = client.clone().token(&token).get("/page").await.expect(200);
    let headers = &page.json()["headers"];
    assert_eq!(
        (&headers["x-hub-user"], &headers["authorization"]),
        (&json!("zoe"), &json!(null)),
        "the token itself goes no further"
    );

    // Logged out is logged out.
    zoe.follow("/_hub/logout").await;
    let page = zoe.follow("/page").await;
    assert_eq!(page.url.path(), "/hub/login", "{page:#?}");
}
