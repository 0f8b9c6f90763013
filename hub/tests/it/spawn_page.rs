//! The spawn page: the options form, links with options, profiles; and what servers are started with then.

use hub::config::Config;
use hub::db::{events, servers};
use hub::domain::server::ServerRef;
use hub_types::names::{ServerName, Username};
use serde_json::{Value, json};

use crate::harness::{Behaviour, Browser, Call, Hub, Reply};

/// The form that the manual shows a picture of, with the types that its example gives the fields.
const PICTURED: &str = r#"
[Spawner]
args = ["--admins"]
environment = { ADMINS = "1" }
options_form = """
<script>document.title = "x";</script><style>p { color: red; }</style>
<label for="args">Extra notebook CLI arguments</label> <input id="args" name="args" placeholder="e.g. --debug">
<label for="env">Environment variables (one per line)</label> <textarea id="env" name="env">YOURNAME=kaylee</textarea>
"""
options_from_form = { args = "words", env = "environment" }
apply_user_options = { args = "args", env = "environment", memory = "mem_limit" }
"#;

const PROFILES: &str = r#"
[[Spawner.profile_list]]
display_name = "Small <b>"
default = true
spawner_override = { mem_limit = "1G" }
[[Spawner.profile_list]]
display_name = "Own"
[Spawner.profile_list.profile_options.size]
display_name = "Size"
choices = { m = { display_name = "medium", default = true, spawner_override = { mem_limit = "2G" } }, s = { display_name = "small", spawner_override = { mem_limit = "512M" } } }
"#;

/// A hub with these sections of a configuration, and alice.
async fn hub(toml: &str) -> (Hub, Browser) {
    let spawner = Config::from_toml(toml).unwrap().spawner;
    let hub = Hub::with(|config| config.spawner = spawner).await;
    let alice = hub.log_in("alice").await;
    (hub, alice)
}

/// Sends what fails: the form with the reason, or, when that took long, the page that a browser is led to.
async fn fails(hub: &Hub, alice: &Browser, call: Call<'_>) -> Reply {
    let reply = call.send().await;
    if reply.status != 302 {
        assert!(reply.body.contains("id=\"spawn_form\""), "{reply:?}");
        return reply;
    }
    hub.state.manager.idle().await;
    let page = hub.request("GET", "/hub/spawn-pending/alice");
    page.browser(alice).send().await
}

/// Stops alice's server.
async fn stop(hub: &Hub) {
    let token = hub.token("alice", &["inherit"]).await;
    let reply = hub.call(&token, "DELETE", "/hub/api/users/alice/server");
    reply.send().await.expect(204);
}

#[tokio::test]
async fn the_pictured_form_starts_a_server_with_what_it_says() {
    let (hub, alice) = hub(PICTURED).await;
    let page = hub
        .request("GET", "/hub/spawn")
        .browser(&alice)
        .send()
        .await
        .expect(200);
    assert!(
        page.body.contains("Extra notebook CLI arguments"),
        "{page:?}"
    );
    assert!(hub.spawner.starts().is_empty());
    // What the administrator wrote may run; nothing else may.
    let policy = page.header("content-security-policy");
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap();
    for tag in ["script", "style"] {
        assert!(
            page.body.contains(&format!("<{tag} nonce=\"{nonce}\">")),
            "{page:?}"
        );
    }
    assert!(!policy.contains("unsafe"));

    let typed: [(&str, Option<&str>, &[u8]); 3] = [
        ("_xsrf", None, alice.xsrf.as_bytes()),
        ("args", None, b"--debug --x='a b'"),
        ("env", None, b"YOURNAME=kaylee\r\nB = {username}"),
    ];
    hub.request("POST", "/hub/spawn?next=%2Fhub%2Fhome")
        .browser(&alice)
        .multipart(&typed)
        .send()
        .await
        .expect(302);
    hub.state.manager.idle().await;
    let (options, settings) = hub.spawner.told();
    let expected =
        json!({"args": ["--debug", "--x=a b"], "env": {"YOURNAME": "kaylee", "B": "{username}"}});
    assert_eq!(options, expected);
    assert_eq!(settings.spawner.args, ["--debug", "--x=a b"]);
    let environment = json!(settings.spawner.environment);
    assert_eq!(
        environment,
        json!({"ADMINS": "1", "YOURNAME": "kaylee", "B": "{username}"})
    );

    // A server that runs is not asked for again; one that starts again without a word has the same options.
    let reply = hub
        .request("GET", "/hub/spawn")
        .browser(&alice)
        .send()
        .await
        .expect(302);
    assert_eq!(reply.header("location"), "/user/alice/");
    stop(&hub).await;
    let token = hub.token("alice", &["inherit"]).await;
    hub.call(&token, "POST", "/hub/api/users/alice/server")
        .send()
        .await
        .expect(201);
    assert_eq!(hub.spawner.told().0, expected);
}

#[tokio::test]
async fn what_is_wrong_is_said_on_the_form() {
    let (hub, alice) = hub(PICTURED).await;
    let send = |fields: Vec<(&'static str, String)>| {
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        hub.request("POST", "/hub/spawn")
            .browser(&alice)
            .form(&fields)
    };
    let xsrf = || ("_xsrf", alice.xsrf.clone());
    for (name, value, message) in [
        (
            "args",
            "'",
            "Invalid user options: args lacks a closing quote",
        ),
        (
            "env",
            "x",
            "Invalid user options: env must have lines like NAME=value",
        ),
        (
            "env",
            "=x",
            "Invalid user options: env: environment holds &#39;&#39;",
        ),
    ] {
        let call = send(vec![xsrf(), (name, value.to_owned())]);
        let page = fails(&hub, &alice, call).await.expect(400);
        assert!(page.body.contains(message), "{page:?}");
    }
    assert!(hub.spawner.starts().is_empty());
    hub.spawner
        .next(Behaviour::Fails("no kernel <today>".into()));
    let page = fails(&hub, &alice, send(vec![xsrf()])).await.expect(500);
    assert!(page.body.contains("no kernel &lt;today&gt;"), "{page:?}");
    // Without the page's token nothing is done.
    hub.spawner.next(Behaviour::Answers);
    let page = send(vec![("args", "--debug".to_owned())])
        .send()
        .await
        .expect(403);
    assert!(
        page.body.contains("<textarea") && page.body.contains("nothing was done"),
        "{page:?}"
    );
    // Options of the API are held to the same.
    let token = hub.token("alice", &["inherit"]).await;
    let body = json!({"user_options": {"memory": "much"}});
    let reply = hub
        .call(&token, "POST", "/hub/api/users/alice/server")
        .json(&body)
        .send()
        .await;
    let (status, message) = reply.error();
    assert_eq!(status, 400);
    assert!(
        message
            .unwrap()
            .starts_with("Invalid user options: memory: ")
    );
    assert!(hub.spawner.starts().is_empty());
    let body = json!({"user_options": {"memory": "1G", "cmd": ["/bin/sh"]}});
    hub.call(&token, "POST", "/hub/api/users/alice/server")
        .json(&body)
        .send()
        .await
        .expect(201);
    let spawner = hub.spawner.told().1.spawner;
    assert_eq!(
        (spawner.mem_limit, spawner.cmd[0].as_str()),
        (Some(1 << 30), "jupyterhub-singleuser")
    );
}

#[tokio::test]
async fn forms_as_jupyterhub_takes_them() {
    let (hub, alice) = hub("[Spawner]\noptions_form = '<input name=\"a\">'\n").await;
    let parts: [(&str, Option<&str>, &[u8]); 5] = [
        ("_xsrf", None, alice.xsrf.as_bytes()),
        ("a", None, b"1"),
        ("a", None, b"2"),
        ("key", Some("id.pub"), b"\xff\x00"),
        ("none", Some(""), b""),
    ];
    hub.request("POST", "/hub/spawn/alice")
        .browser(&alice)
        .multipart(&parts)
        .send()
        .await
        .expect(302);
    hub.state.manager.idle().await;
    let file = json!({"filename": "id.pub", "content_type": "text/plain",
        "body": {"__jupyterhub_bytes__": true, "data": "/wA="}});
    assert_eq!(
        hub.spawner.told().0,
        json!({"a": ["1", "2"], "key_file": [file]})
    );
    let large = vec![b'x'; 2 << 20];
    let parts = [
        ("_xsrf", None, alice.xsrf.as_bytes()),
        ("key", Some("x"), large.as_slice()),
    ];
    let reply = hub
        .request("POST", "/hub/spawn/alice")
        .browser(&alice)
        .multipart(&parts)
        .send()
        .await;
    let reply = reply.expect(413);
    for shown in [
        "larger than 1 MiB",
        "<input name=\"a\">",
        "id=\"spawn_form\"",
    ] {
        assert!(reply.body.contains(shown), "{shown}: {reply:?}");
    }
    assert_eq!(hub.spawner.starts()["alice/"], 1);
    let elsewhere = hub
        .request("POST", "/hub/spawn/alice")
        .browser(&alice)
        .header("sec-fetch-site", "cross-site")
        .multipart(&parts);
    elsewhere.send().await.expect(403);
    // A page without a form of its own says the same as an error.
    let reply = hub.request("POST", "/hub/token").browser(&alice);
    let reply = reply.multipart(&parts).send().await.expect(413);
    assert!(reply.body.contains("larger than 1 MiB"), "{reply:?}");
    assert!(reply.body.contains("smaller files"), "{reply:?}");
    let cut = hub
        .request("POST", "/hub/spawn/alice")
        .browser(&alice)
        .bytes(b"--edge\r\n");
    cut.header("content-type", "multipart/form-data; boundary=edge")
        .send()
        .await
        .expect(400);
}

#[tokio::test]
async fn a_link_may_name_options() {
    let (hub, alice) =
        hub("[Spawner]\noptions_form = '<input name=\"a\">'\noptions_from_form = 'simple'\n").await;
    let link = "/hub/spawn?opt-a=1&opt-b=on&c=3&next=%2Fhub%2Fhome";
    let elsewhere = |method| {
        hub.request(method, link)
            .browser(&alice)
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
    };
    // One of another site is shown, and starts nothing.
    let page = elsewhere("GET").send().await.expect(200);
    assert!(
        page.body.contains("_from_query") && page.body.contains("<strong>a</strong>: 1"),
        "{page:?}"
    );
    assert!(hub.spawner.starts().is_empty());
    let fields = [("_xsrf", alice.xsrf.as_str()), ("_from_query", "1")];
    hub.request("POST", link)
        .browser(&alice)
        .form(&fields)
        .send()
        .await
        .expect(302);
    hub.state.manager.idle().await;
    assert_eq!(hub.spawner.told().0, json!({"a": "1", "b": true}));
    stop(&hub).await;
    // One of one's own starts at once.
    hub.request("GET", "/hub/spawn?a=2")
        .browser(&alice)
        .header("sec-fetch-site", "none")
        .send()
        .await
        .expect(302);
    hub.state.manager.idle().await;
    assert_eq!(hub.spawner.told().0, json!({"a": "2"}));
    hub.request("GET", "/hub/spawn?opt-=1")
        .browser(&alice)
        .send()
        .await
        .expect(422);
}

/// A page that is shown again shows what its button stands for.
#[tokio::test]
async fn a_link_is_asked_about_again_when_the_answer_does_not_count() {
    let confirm = async |hub: &Hub, alice: &Browser, link: &str, xsrf: &str| {
        let fields = [("_xsrf", xsrf), ("_from_query", "1")];
        let call = hub.request("POST", link).browser(alice);
        call.form(&fields).send().await
    };
    let link = "/hub/spawn?opt-a=1&next=%2Fhub%2Fhome";
    for toml in ["", "[Spawner]\noptions_form = '<input name=\"b\">'\n"] {
        let (hub, alice) = hub(toml).await;
        let page = confirm(&hub, &alice, link, "old").await.expect(403);
        for part in ["nothing was done", "_from_query", "<strong>a</strong>: 1"] {
            assert!(page.body.contains(part), "{toml} {part}: {page:?}");
        }
        assert!(hub.spawner.starts().is_empty(), "{toml}");
        confirm(&hub, &alice, link, &alice.xsrf).await.expect(302);
        hub.state.manager.idle().await;
        assert_eq!(hub.spawner.told().0, json!({"a": ["1"]}), "{toml}");
    }
    // Nor does one to options that cannot be. With a form there is another choice, without one there is not.
    let link = "/hub/spawn?opt-args=%27";
    for (form, again) in [("", true), ("options_form = '<input name=\"b\">'", false)] {
        let toml = format!("[Spawner]\noptions_from_form = {{ args = 'words' }}\n{form}\n");
        let (hub, alice) = hub(&toml).await;
        let page = confirm(&hub, &alice, link, &alice.xsrf).await.expect(400);
        assert!(page.body.contains("lacks a closing quote"), "{page:?}");
        let shown = page.body.contains("<strong>args</strong>: &#39;");
        assert_eq!(shown, again, "{page:?}");
        assert_eq!(page.body.contains("<input name=\"b\">"), !again, "{page:?}");
        assert!(hub.spawner.starts().is_empty(), "{toml}");
    }
}

#[tokio::test]
async fn profiles_are_chosen_on_the_page_by_link_and_by_the_api() {
    let (hub, alice) = hub(PROFILES).await;
    let page = hub
        .request("GET", "/hub/spawn")
        .browser(&alice)
        .send()
        .await
        .expect(200);
    for part in [
        "value=\"small-b\" checked",
        "Small &lt;b&gt;",
        "name=\"profile-option-own--size\"",
        "value=\"m\" selected",
    ] {
        assert!(page.body.contains(part), "{part}: {page:?}");
    }
    let memory = |hub: &Hub| hub.spawner.told().1.spawner.mem_limit;
    let fields = [
        ("_xsrf", alice.xsrf.as_str()),
        ("profile", "own"),
        ("profile-option-own--size", "s"),
    ];
    hub.request("POST", "/hub/spawn")
        .browser(&alice)
        .form(&fields)
        .send()
        .await
        .expect(302);
    hub.state.manager.idle().await;
    assert_eq!(
        (memory(&hub), hub.spawner.told().0),
        (Some(512 << 20), json!({"profile": "own", "size": "s"}))
    );
    let token = hub.token("alice", &["inherit"]).await;
    let model = hub
        .call(&token, "GET", "/hub/api/users/alice/servers/")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(model["user_options"]["profile"], "own");
    stop(&hub).await;
    hub.request("GET", "/hub/spawn?opt-profile=own")
        .browser(&alice)
        .header("sec-fetch-site", "none")
        .send()
        .await
        .expect(302);
    hub.state.manager.idle().await;
    assert_eq!(memory(&hub), Some(2 << 30));
    stop(&hub).await;
    let wrong = [("_xsrf", alice.xsrf.as_str()), ("profile", "huge")];
    let call = hub.request("POST", "/hub/spawn").browser(&alice);
    let page = fails(&hub, &alice, call.form(&wrong)).await.expect(400);
    assert!(page.body.contains("there is no such profile"), "{page:?}");
    let start = |options: Value| {
        hub.call(&token, "POST", "/hub/api/users/alice/server")
            .json(&json!({"user_options": options}))
    };
    let reply = start(json!({"profile": "own", "size": "xl"})).send().await;
    assert_eq!(reply.error().0, 400);
    start(json!({})).send().await.expect(201);
    assert_eq!(memory(&hub), Some(1 << 30));
}

#[tokio::test]
async fn groups_change_settings() {
    let toml = r#"
[Spawner]
group_overrides = { a = { groups = ["lab"], spawner_override = { mem_limit = "4G", http_timeout = 7 } } }
"#;
    let (hub, _) = hub(toml).await;
    for (user, limit) in [("alice", None), ("bob", Some(4 << 30))] {
        let token = hub.token(user, &["inherit"]).await;
        let path = format!("/hub/api/users/{user}/server");
        hub.call(&token, "POST", &path).send().await.expect(201);
        assert_eq!(hub.spawner.told().1.spawner.mem_limit, limit, "{user}");
    }
}

#[tokio::test]
async fn forms_are_not_shown_for_what_cannot_be() {
    let (hub, alice) = hub(PICTURED).await;
    for (path, status) in [
        ("/hub/spawn/bob", 404),
        ("/hub/spawn/alice/A%20b", 400),
        ("/hub/spawn/alice/gpu", 200),
    ] {
        hub.request("GET", path)
            .browser(&alice)
            .send()
            .await
            .expect(status);
    }
    let admin = hub.log_in("admin").await;
    hub.request("GET", "/hub/spawn/nobody")
        .browser(&admin)
        .send()
        .await
        .expect(404);
    // What a new named server is called.
    let fields = [("_xsrf", alice.xsrf.as_str())];
    let path = "/hub/spawn/alice/gpu?display_name=My%20GPU";
    hub.request("POST", path)
        .browser(&alice)
        .form(&fields)
        .send()
        .await
        .expect(302);
    hub.state.manager.idle().await;
    let token = hub.token("alice", &["inherit"]).await;
    let model = hub
        .call(&token, "GET", "/hub/api/users/alice/servers/gpu")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(model["display_name"], "My GPU");
}

#[tokio::test]
async fn spawners_say_how_far_they_are() {
    let (hub, _) = hub("").await;
    let token = hub.token("alice", &["inherit"]).await;
    let body = json!({"user_options": {"tell": format!("Fetching {}", "x".repeat(2000))}});
    let path = "/hub/api/users/alice/server";
    hub.call(&token, "POST", path)
        .json(&body)
        .send()
        .await
        .expect(201);
    let db = hub.state.db.read();
    let at = ServerRef::new(Username::stored("alice"), ServerName::default_server());
    let server = servers::find(db, &at).await.unwrap().unwrap();
    let start = events::latest_start(db, server.id).await.unwrap().unwrap();
    let told = events::since(db, server.id, start, 0).await.unwrap();
    let html: Vec<_> = told
        .iter()
        .filter_map(|(_, event)| event.html_message.as_deref())
        .collect();
    assert!(html[0].starts_with("<em>Fetching x"), "{html:?}");
    assert!(html[1].starts_with("Server ready at <a"), "{html:?}");
    let told: Vec<(u8, String)> = told
        .into_iter()
        .map(|(_, event)| (event.progress, event.message.chars().take(8).collect()))
        .collect();
    let told: Vec<(u8, &str)> = told.iter().map(|(at, text)| (*at, text.as_str())).collect();
    let expected = [
        (0, "Server r"),
        (50, "Spawning"),
        (99, "Fetching"),
        (60, "Fetching"),
        (100, "Server r"),
    ];
    assert_eq!(told, expected);
}
