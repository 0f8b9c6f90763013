//! A static site behind the hub's login: the real nginx with the configuration of `examples/forward-auth`, in front of
//! everything.

use std::path::Path;
use std::time::Duration;

use e2e::{Client, Process, Stack, Visitor, eventually, peers, ports, programs};

use super::strangers_stay_out;
use crate::spec;

/// nginx in front of a hub, and the port where it listens.
struct Front {
    _nginx: Process,
    origin: String,
}

/// A hub with the service `docs`, which protects `/docs/` at the port where nginx will be.
async fn stack(front: u16, service: u16) -> Stack {
    let hub = programs::path("hub").display().to_string();
    let site = format!("--site=http://127.0.0.1:{front}/docs/");
    let command = [hub.as_str(), "forward-auth", &site, "--group=readers"];
    let stack = Stack::builder()
        .config(&format!(
            "[[JupyterHub.services]]\nname = 'docs'\nurl = 'http://127.0.0.1:{service}'\ncommand = {command:?}\n\
             oauth_no_confirm = true\n[JupyterHub.load_groups]\nreaders = {{ users = ['zoe'] }}"
        ))
        .config(spec::USERS_MAY_OPEN_SERVICES)
        .start()
        .await;
    stack.service_is_up("docs").await;
    stack
}

impl Front {
    /// Starts nginx with the example's configuration, its placeholders filled in.
    async fn start(stack: &Stack, port: u16, service: u16) -> Self {
        let example = peers::workspace().join("examples/forward-auth");
        let server = std::fs::read_to_string(example.join("nginx.conf")).expect("the example");
        let hub = stack.client().url("/");
        let server = server
            .replace("@LISTEN@", &format!("127.0.0.1:{port}"))
            .replace("@ROOT@", example.join("site").to_str().expect("UTF-8"))
            .replace(
                "@HUB@",
                &format!("127.0.0.1:{}", hub.port().expect("a port")),
            )
            .replace("@FORWARD_AUTH@", &format!("127.0.0.1:{service}"));
        let file = stack
            .sandbox()
            .write("nginx.conf", main_conf(stack.sandbox().dir(), &server));
        let mut command = stack.sandbox().command(peers::nginx());
        command
            .arg("-c")
            .arg(&file)
            .arg("-p")
            .arg(stack.sandbox().dir());
        let nginx = stack.sandbox().start("nginx", command);
        let front = Self {
            _nginx: nginx,
            origin: format!("http://127.0.0.1:{port}/"),
        };
        eventually(Duration::from_secs(20), "nginx answers", async || {
            front
                .client()
                .try_get("/hub/health")
                .await
                .is_ok_and(|reply| reply.status == 200)
        })
        .await;
        front
    }

    fn client(&self) -> Client {
        Client::new(&self.origin)
    }

    fn visitor(&self) -> Visitor {
        Visitor::new(self.client(), "/")
    }
}

/// What stands around a server block when nginx runs as an ordinary user in a folder of its own.
fn main_conf(folder: &Path, server: &str) -> String {
    let folder = folder.display();
    // The workers of a root's nginx would be nobody, who may not read the folder of the site.
    let user = if nix::unistd::geteuid().is_root() {
        "user root;"
    } else {
        ""
    };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {folder}/nginx-{kind};"))
        .join(" ");
    format!(
        "{user} daemon off; pid {folder}/nginx.pid; error_log stderr warn; events {{}}\n\
         http {{ access_log off; default_type text/html; {temporary}\n{server}\n}}\n"
    )
}

#[tokio::test]
async fn nginx_puts_a_static_site_behind_the_login() {
    let (port, service) = (ports::free(), ports::free());
    let stack = stack(port, service).await;
    let front = Front::start(&stack, port, service).await;

    strangers_stay_out(&front.origin, "/docs/index.html", "The handbook").await;

    // A stranger is led to the login, and back to the page.
    let mut zoe = front.visitor();
    let page = zoe.follow("/docs/index.html?x=1&y").await.expect(200);
    assert_eq!(page.url.path(), "/hub/login");
    zoe.login("zoe", "x").await;
    let page = zoe.open("/docs/index.html?x=1&y").await.expect(200);
    assert!(page.body.contains("The handbook"), "{page:#?}");
    assert_eq!(page.url.query(), Some("x=1&y"));
    assert_eq!(page.header("x-seen-by"), Some("zoe"));
    let cookie = zoe.jar.get("service-docs", "/docs/").expect("its cookie");
    assert!(cookie.http_only && cookie.path == "/docs/", "{cookie:?}");

    // Somebody who is no reader, somebody without a login who cannot be sent there, and programs.
    let mut mal = front.visitor();
    mal.login("mal", "x").await;
    assert_eq!(mal.open("/docs/").await.status, 403);
    assert_eq!(front.client().post("/docs/", &"x".into()).await.status, 403);
    let api = stack.api();
    let token = api.new_token("zoe", &[]).await;
    let page = front.client().token(&token).get("/docs/").await.expect(200);
    assert_eq!(page.header("x-seen-by"), Some("zoe"));

    // Forged headers, foreign pages, and the question itself.
    for (name, value) in [("x-hub-user", "admin"), ("origin", "http://evil.example")] {
        let request = front
            .client()
            .request(reqwest::Method::GET, "/docs/")
            .header(name, value)
            .header("cookie", zoe.jar.header("/docs/").expect("cookies"));
        let reply = front.client().send(request).await;
        assert_ne!(reply.status, 200, "{name}: {reply:#?}");
    }
    let question = front
        .client()
        .token(&token)
        .get("/services/docs/check")
        .await;
    assert_eq!(question.status, 404, "only nginx asks: {question:#?}");
    let underscore = front
        .client()
        .request(reqwest::Method::GET, "/docs/")
        .header("x_hub_user", "admin")
        .header("authorization", format!("token {token}"));
    let page = front.client().send(underscore).await;
    assert!(
        page.status == 403 || page.header("x-seen-by") == Some("zoe"),
        "{page:#?}"
    );

    // Logged out is logged out.
    zoe.follow("/services/docs/logout").await;
    let page = zoe.follow("/docs/").await;
    assert_eq!(page.url.path(), "/hub/login", "{page:#?}");
}
