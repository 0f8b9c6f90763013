//! Services as the manual has them: a notebook server that a group shares, one that somebody else runs, an announcement.

use std::time::Duration;

use e2e::{Notebook, Process, Stack, eventually, peers, ports, programs};
use serde_json::json;

use crate::spec;

const WAIT: Duration = Duration::from_secs(90);

/// Who may enter the shared notebook, as upstream's example has it.
const FOR_THE_GROUP: &str = r#"
    [JupyterHub.load_groups]
    shared = { users = ["mal", "zoe"] }

    [[JupyterHub.load_roles]]
    name = "shared-notebook"
    groups = ["shared"]
    scopes = ["access:services!service=shared-notebook"]
"#;

const PATH: &str = "services/shared-notebook/";

/// Members of the group enter by their login and by their tokens, and run code; others do not.
async fn is_shared_by_the_group(stack: &Stack) {
    let file = format!("{PATH}files/shared.txt");
    stack.sandbox().write("shared.txt", "what the group shares");
    for user in ["mal", "zoe"] {
        let mut visitor = stack.visitor();
        visitor.login(user, "x").await;
        let reply = visitor.open(&file).await.expect(200);
        assert_eq!(reply.body, "what the group shares");
    }
    let api = stack.api();
    let token = api.new_token("zoe", &[]).await;
    let path = format!("{}{PATH}", stack.base());
    let mut notebook = Notebook::start(&stack.client(), &path, &token).await;
    assert_eq!(notebook.run("print(6 * 7)").await, "42\n");

    let mut stranger = stack.visitor();
    stranger.login("ned", "x").await;
    let reply = stranger.follow(&file).await;
    assert_eq!(reply.status, 403, "{reply:#?}");
    let status = format!("{PATH}api/status");
    let token = api.new_token("ned", &[]).await;
    let reply = stack.client().token(&token).get(&status).await;
    assert_eq!(reply.status, 403, "{reply:#?}");
    let reply = stack.client().get(&status).await;
    assert_eq!(reply.status, 403, "without a login: {reply:#?}");
}

#[tokio::test]
async fn a_group_shares_a_notebook_server_that_the_hub_runs() {
    let service = spec::service(
        "shared-notebook",
        &["jupyterhub-singleuser", "--allow-root"],
    );
    let stack = Stack::builder()
        .config(&format!(
            "{service}environment = {{ JUPYTERHUB_SINGLEUSER_LOAD_OTHER_EXTENSIONS = '0' }}\n"
        ))
        .config(FOR_THE_GROUP)
        .start()
        .await;
    stack.service_is_up("shared-notebook").await;
    is_shared_by_the_group(&stack).await;
    let model = stack.api().get("/services/shared-notebook").await;
    let model = model.expect(200).json();
    assert_eq!(
        (&model["status"], &model["managed"]),
        (&"running".into(), &true.into()),
        "{model:#}"
    );
}

/// What upstream's `service-notebook/external` exports, and where the hub is, which is not at port 8081 here.
fn start_elsewhere(stack: &Stack, url: &str, token: &str) -> Process {
    let mut command = stack
        .sandbox()
        .command(peers::python("jupyterhub-singleuser"));
    command
        .args(["--allow-root"])
        .env("JUPYTERHUB_API_TOKEN", token)
        .env("JUPYTERHUB_SERVICE_URL", url)
        .env("JUPYTERHUB_SERVICE_NAME", "shared-notebook")
        .env("JUPYTERHUB_SERVICE_PREFIX", "/services/shared-notebook/")
        .env("JUPYTERHUB_CLIENT_ID", "service-shared-notebook")
        .env("JUPYTERHUB_API_URL", stack.client().url("hub/api").as_str())
        .env("JUPYTERHUB_SINGLEUSER_LOAD_OTHER_EXTENSIONS", "0");
    stack.sandbox().start("shared-notebook", command)
}

#[tokio::test]
async fn an_external_service_comes_and_goes_as_it_likes() {
    let token = "c3a29e5d386fd7c9aa1e8fe9d41c282ec8b";
    let url = format!("http://127.0.0.1:{}", ports::free());
    let stack = Stack::builder()
        .config(&format!(
            "[JupyterHub]\nservice_check_interval = 1\n[[JupyterHub.services]]\nname = 'shared-notebook'\nurl = '{url}'\n\
             api_token = '{token}'\ntimeout = 1\n"
        ))
        .config(FOR_THE_GROUP)
        .start()
        .await;
    let answers = async |wanted: bool| {
        let what = format!("the hub knows whether it answers: {wanted}");
        eventually(WAIT, &what, async || {
            let model = stack.api().get("/services/shared-notebook").await;
            model.expect(200).json()["answers"] == wanted
        })
        .await;
    };
    answers(false).await;
    let running = start_elsewhere(&stack, &url, token);
    answers(true).await;
    is_shared_by_the_group(&stack).await;
    let model = stack.api().get("/services/shared-notebook").await;
    let model = model.expect(200).json();
    assert_eq!(
        (&model["managed"], &model["pid"], &model["status"]),
        (&false.into(), &0.into(), &"external".into()),
        "{model:#}"
    );
    assert!(model.get("log_tail").is_none(), "{model:#}");
    drop(running);
    answers(false).await;
}

/// Our example, and upstream's: the same mechanism shows what either says.
fn announcers() -> [(&'static str, String, &'static str); 2] {
    let ours = spec::service(
        "announcement",
        &[programs::path("example-announcement").display()],
    );
    let port = ports::free();
    let script = peers::sdist().join("examples/service-announcement/announcement.py");
    let theirs = format!(
        "[[JupyterHub.services]]\nname = 'announcement'\nurl = 'http://127.0.0.1:{port}'\ncommand = [{:?}, {:?}, '--port', '{port}']\n",
        peers::python("python").display().to_string(),
        script.display().to_string(),
    );
    [
        ("ours", ours, "services/announcement/latest"),
        ("upstream's", theirs, "services/announcement/"),
    ]
}

async fn shown(stack: &Stack, whose: &str, text: Option<&str>) {
    let what = format!("{whose}: the login page says {text:?}");
    eventually(WAIT, &what, async || {
        let page = stack
            .client()
            .html()
            .get("hub/login")
            .await
            .expect(200)
            .body;
        match text {
            Some(text) => page.contains(text),
            None => !page.contains("id=\"announced\""),
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_service_announces_stands_above_the_pages() {
    for (whose, service, path) in announcers() {
        let stack = Stack::builder()
            .config(&format!("{service}[hub]\nannouncement_path = '/{path}'\n"))
            .config(spec::USERS_MAY_OPEN_SERVICES)
            .start()
            .await;
        stack.service_is_up("announcement").await;
        shown(&stack, whose, None).await;
        let admin = stack.api().new_token("admin", &[]).await;
        let post = async |text: &str| {
            let body = json!({ "announcement": text });
            let client = stack.client().token(&admin);
            client
                .post("services/announcement/", &body)
                .await
                .expect(200);
        };
        post("<b>Down</b> at five").await;
        shown(&stack, whose, Some("&lt;b&gt;Down&lt;/b&gt; at five")).await;
        let mut visitor = stack.visitor();
        visitor.login("mal", "x").await;
        let home = visitor.get("hub/home").await.expect(200);
        assert!(home.body.contains("at five"), "{}", home.body);
        post("").await;
        shown(&stack, whose, None).await;
    }
}

#[tokio::test]
async fn administrators_write_announcements_and_users_read_them() {
    let [(_, service, _), _] = announcers();
    let stack = Stack::builder()
        .config(&service)
        .config(spec::USERS_MAY_OPEN_SERVICES)
        .start()
        .await;
    stack.service_is_up("announcement").await;
    let path = "services/announcement/";
    let mut admin = stack.visitor();
    admin.login("admin", "x").await;
    let page = admin.open(path).await.expect(200);
    assert!(page.body.contains("Nothing is announced."), "{}", page.body);
    let fields = [("announcement", "Cake at three")];
    let said = admin.submit(&page, path, &fields).await;
    assert_eq!(said.status, 303, "{said:#?}");

    let mut mal = stack.visitor();
    mal.login("mal", "x").await;
    let page = mal.open(path).await.expect(200);
    assert!(page.body.contains("Cake at three"), "{}", page.body);
    assert!(
        page.body.contains("admin, 2"),
        "who and when: {}",
        page.body
    );
    assert!(!page.body.contains("<form"), "{}", page.body);
    let latest = stack.client().get("services/announcement/latest").await;
    let latest = latest.expect(200).json();
    assert_eq!(latest["announcement"], "Cake at three");
    assert_eq!(latest["user"], "admin");

    // Whoever is no administrator, has no proof that the form was ours, or has no login, says nothing.
    let token = stack.api().new_token("mal", &[]).await;
    let body = json!({ "announcement": "No cake" });
    let client = stack.client().token(&token);
    client.post(path, &body).await.expect(403);
    stack.client().post(path, &body).await.expect(403);
    let form = [("announcement".to_owned(), "No cake".to_owned())];
    let forged = admin.send(reqwest::Method::POST, path, Some(&form)).await;
    assert_eq!(forged.status, 403, "{forged:#?}");
    let latest = stack.client().get("services/announcement/latest").await;
    assert_eq!(latest.expect(200).json()["announcement"], "Cake at three");
}
