//! The manual's examples with GitHub: "Using GitHub OAuth" for users of the machine, and a workshop. GitHub is a stand-in here:
//! it answers at the paths of GitHub Enterprise, and believes whoever comes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use e2e::{Reply, Stack, Visitor, eventually, programs};
use serde_json::json;
use url::Url;

const PATIENCE: Duration = Duration::from_secs(60);

/// What the example says of users; where TLS and files are, is left out.
const EXAMPLE: &str = "
import os
# use GitHub OAuthenticator for local users
c.JupyterHub.authenticator_class = 'oauthenticator.LocalGitHubOAuthenticator'
c.GitHubOAuthenticator.oauth_callback_url = os.environ['OAUTH_CALLBACK_URL']

# create system users that don't exist yet
c.LocalAuthenticator.create_system_users = True

# specify users and admin
c.Authenticator.whitelist = {'rgbkrk', 'minrk', 'jhamrick'}
c.Authenticator.admin_users = {'jhamrick', 'rgbkrk'}

# start single-user notebook servers in ~/assignments,
# with ~/assignments/Welcome.ipynb as the default landing page
c.Spawner.notebook_dir = '~/assignments'
c.Spawner.args = ['--NotebookApp.default_url=/notebooks/Welcome.ipynb']

# Of this test: users are written down, not made.
c.LocalAuthenticator.add_user_cmd = [os.path.abspath('adduser')]
c.Spawner.cmd = [os.path.abspath('recorder')]
";

/// "How do I set up JupyterHub for a workshop (when users are not known ahead of time)?"
const WORKSHOP: &str = "
c.JupyterHub.authenticator_class = 'oauthenticator.GitHubOAuthenticator'
c.Authenticator.whitelist = set()
c.Authenticator.admin_users = {'leader'}
";

/// Where the example has people come back.
const CALLBACK: &str = "https://example.com/hub/oauth_callback";

/// GitHub, as far as the hub sees it. Whoever comes is who they say.
struct GitHub {
    url: String,
    who: Arc<Mutex<String>>,
}

impl GitHub {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let who = Arc::new(Mutex::new(String::new()));
        let app = Router::new().fallback(answer).with_state(Arc::clone(&who));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, who }
    }

    /// Somebody goes to GitHub, and comes back: the page on which they end up.
    async fn log_in(&self, visitor: &mut Visitor, name: &str) -> Reply {
        name.clone_into(&mut self.who.lock().expect("whole"));
        let left = visitor.get("hub/oauth_login").await.expect(302);
        let back = visitor.get(left.location()).await.expect(302);
        let back = Url::parse(back.location()).expect("a URL");
        assert!(back.as_str().starts_with(CALLBACK), "{back}");
        // The name of the example is not ours: its proxy leads here.
        let path = format!("{}?{}", back.path(), back.query().unwrap_or_default());
        visitor.get(&path).await
    }
}

fn argument(text: &str, name: &str) -> String {
    let mut pairs = url::form_urlencoded::parse(text.as_bytes());
    let found = pairs.find(|(key, _)| key == name);
    found
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

async fn answer(
    State(who): State<Arc<Mutex<String>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let query = uri.query().unwrap_or_default();
    match (method, uri.path()) {
        (Method::GET, "/login/oauth/authorize") => {
            let mut to = Url::parse(&argument(query, "redirect_uri")).expect("a URL");
            assert_eq!(argument(query, "client_id"), "github_id");
            let who = who.lock().expect("whole").clone();
            let state = argument(query, "state");
            to.query_pairs_mut()
                .append_pair("code", &who)
                .append_pair("state", &state);
            (StatusCode::FOUND, [(header::LOCATION, to.to_string())]).into_response()
        }
        (Method::POST, "/login/oauth/access_token") => {
            assert_eq!(argument(&body, "client_secret"), "github_secret");
            let token = json!({"access_token": argument(&body, "code"), "token_type": "bearer"});
            axum::Json(token).into_response()
        }
        (Method::GET, "/api/v3/user") => {
            let shown = headers.get(header::AUTHORIZATION);
            let shown = shown
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default();
            let login = shown.trim_start_matches("Bearer ");
            axum::Json(json!({"login": login, "id": 7})).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A hub with these lines at the end of its `jupyterhub_config.py`, started as the example says.
async fn hub(github: &GitHub, lines: &str) -> Stack {
    let hub = programs::path("hub").display().to_string();
    let recorder = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" > \"$HOME/arguments\"\nenv > \"$HOME/environment\"\nexec '{hub}' demo-server\n"
    );
    Stack::builder()
        .python_config()
        .config("[Authenticator]\nallow_all = false\nadmin_users = []\n[Spawner]\nargs = []")
        .program("recorder", &recorder)
        .program(
            "adduser",
            "#!/bin/sh\necho \"$1\" >> \"$(dirname \"$0\")/made\"\n",
        )
        .program("of_the_manual.py", lines)
        .wrapped(&[
            "sh",
            "-c",
            "cat of_the_manual.py >> jupyterhub_config.py; exec \"$@\"",
            "sh",
        ])
        .env("GITHUB_CLIENT_ID", "github_id")
        .env("GITHUB_CLIENT_SECRET", "github_secret")
        .env("OAUTH_CALLBACK_URL", CALLBACK)
        .env("GITHUB_URL", &github.url)
        .start()
        .await
}

#[tokio::test]
async fn github_for_users_of_the_machine() {
    let github = GitHub::start().await;
    let stack = hub(&github, EXAMPLE).await;
    let made = || std::fs::read_to_string(stack.data("made")).unwrap_or_default();
    eventually(PATIENCE, "system users are made", async || {
        let made = made();
        ["rgbkrk", "minrk", "jhamrick"]
            .iter()
            .all(|name| made.lines().any(|line| line == *name))
    })
    .await;
    let api = stack.api();
    for (login, name, admin) in [("MinRK", "minrk", false), ("jhamrick", "jhamrick", true)] {
        let mut visitor = stack.visitor();
        github.log_in(&mut visitor, login).await.expect(302);
        let home = visitor.follow("hub/home").await.expect(200);
        assert_eq!(home.url.path(), "/hub/home");
        assert_eq!(api.user(name).await["admin"], admin, "{name}");
    }
    github
        .log_in(&mut stack.visitor(), "jayne")
        .await
        .expect(403);
    assert!(!made().contains("jayne"), "{}", made());
    api.start_server("minrk").await;
    let written = |what: &str| {
        let file = stack.sandbox().home().join("minrk").join(what);
        std::fs::read_to_string(file).expect("the server wrote it")
    };
    assert_eq!(
        written("arguments").trim(),
        "--NotebookApp.default_url=/notebooks/Welcome.ipynb"
    );
    let environment = written("environment");
    assert!(
        environment
            .lines()
            .any(|line| line == "JUPYTERHUB_ROOT_DIR=~/assignments"),
        "{environment}"
    );
}

#[tokio::test]
async fn a_workshop_whose_users_are_not_known_ahead_of_time() {
    let github = GitHub::start().await;
    // An empty whitelist was everybody once; now the hub says what to write.
    let stack = hub(&github, WORKSHOP).await;
    github
        .log_in(&mut stack.visitor(), "jayne")
        .await
        .expect(403);
    github
        .log_in(&mut stack.visitor(), "leader")
        .await
        .expect(302);
    assert_eq!(stack.api().user("leader").await["admin"], true);
    let log = stack.log();
    let said = "an empty list no longer means everybody, which is allow_all = true";
    assert!(log.contains(said), "{log}");
    drop(stack);
    let all = format!("{WORKSHOP}c.Authenticator.allow_all = True\n");
    let stack = hub(&github, &all).await;
    for (name, admin) in [("jayne", false), ("leader", true)] {
        github.log_in(&mut stack.visitor(), name).await.expect(302);
        assert_eq!(stack.api().user(name).await["admin"], admin, "{name}");
    }
}
