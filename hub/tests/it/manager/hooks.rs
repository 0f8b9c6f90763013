//! Commands at the steps of a server's life, and what the authenticator is told of it.

use std::io::Write as _;
use std::path::PathBuf;

use hub::auth::auth_state::AuthStates;
use hub::auth::{AuthModel, AuthUnavailable, Authenticator, LoginForm};
use hub::config::CryptKey;
use serde_json::json;

use super::*;

const RECORD: &str = r#"import json, sys
told = json.load(sys.stdin)
with open(sys.argv[1], "a") as notes:
    notes.write(json.dumps(told) + "\n")
answer = {
    "auth_state_hook": {"environment": {"FROM": "auth", "AUTH": str(told.get("auth_state"))}},
    "pre_spawn_hook": {"environment": {"FROM": "pre", "GONE": None}, "spawner_override": {"args": ["--from-hook"]}},
}
print(json.dumps(answer.get(told["hook"], {})))
"#;

fn command(scene: &Scene) -> Option<Vec<String>> {
    let script = scene.path("hook.py");
    std::fs::write(&script, RECORD).unwrap();
    let words = [script, scene.path("notes")].map(|path| path.display().to_string());
    Some(std::iter::once("python3".to_owned()).chain(words).collect())
}

fn notes(scene: &Scene) -> Vec<Value> {
    let text = std::fs::read_to_string(scene.path("notes")).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_are_asked_in_their_order_and_change_the_server() {
    let mut scene = Scene::new("");
    let hook = command(&scene);
    let spawner = &mut scene.config.spawner;
    spawner.environment.insert("GONE".into(), "1".into());
    spawner.environment.insert("OF".into(), "{username}".into());
    (
        spawner.auth_state_hook,
        spawner.pre_spawn_hook,
        spawner.post_stop_hook,
    ) = (hook.clone(), hook.clone(), hook);
    let proxy = TestProxy::start().await;
    let manager = scene
        .hub("one", &proxy.client(), Arc::new(SystemClock))
        .await;
    assert_eq!(start(&manager).await.unwrap(), StartOutcome::Ready);
    let url = format!("{}/user/alice/env", proxy.public);
    let http = reqwest::Client::builder().build().unwrap();
    let env = http.get(url).send().await.unwrap();
    let env: Value = env.json().await.unwrap();
    for (name, value) in [
        ("FROM", Some("pre")),
        ("AUTH", Some("None")),
        ("OF", Some("alice")),
        ("GONE", None),
    ] {
        assert_eq!(env.get(name).and_then(Value::as_str), value, "{name}");
    }
    let pid = record(&row(&manager, "").await.unwrap()).pid;
    let cmdline = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    assert!(cmdline.ends_with(b"\0--from-hook\0"));
    assert_eq!(stop(&manager).await.unwrap(), StopOutcome::Stopped);

    let notes = notes(&scene);
    let hooks: Vec<&str> = notes
        .iter()
        .filter_map(|note| note["hook"].as_str())
        .collect();
    assert_eq!(
        hooks,
        ["auth_state_hook", "pre_spawn_hook", "post_stop_hook"]
    );
    for note in &notes {
        assert_eq!(
            note["user"],
            serde_json::json!({"name": "alice", "admin": false})
        );
        assert_eq!(note["server"]["name"], "");
        // Nothing that opens anything.
        assert!(!note.to_string().contains("TOKEN"), "{note}");
    }
    assert!(notes[0].as_object().unwrap().contains_key("auth_state"));
    assert_eq!(notes[1]["environment"]["FROM"], "auth");
    assert_eq!(notes[1].get("auth_state"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_refuses_is_heard() {
    let mut scene = Scene::new("");
    let script = r#"echo '{"message": "your quota is used up", "status": 403}'; exit 1"#;
    scene.config.spawner.pre_spawn_hook = Some(["sh", "-c", script].map(ToOwned::to_owned).into());
    scene.config.spawner.post_stop_hook = command(&scene);
    // What a hook refuses is no failure of the hub.
    scene.config.spawner.consecutive_failure_limit = 1;
    let proxy = TestProxy::start().await;
    let manager = scene
        .hub("one", &proxy.client(), Arc::new(SystemClock))
        .await;
    let error = start(&manager).await.unwrap_err();
    assert_eq!(
        (error.status(), error.to_string().as_str()),
        (403, "your quota is used up")
    );
    assert!(!manager.gave_up().is_cancelled());
    assert_eq!(scene.starts().len(), 0);
    let server = row(&manager, "").await.unwrap();
    assert_eq!(server.state, ServerState::Stopped);
    assert_eq!(server.last_failure.unwrap().status, 403);
    let after = notes(&scene);
    assert_eq!(after.len(), 1);
    assert_eq!(after[0]["hook"], "post_stop_hook");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_hangs_ends_with_the_start() {
    let mut scene = Scene::new("");
    let file = scene.path("hangs");
    let script = format!("echo $$ > {}; sleep 1000", file.display());
    scene.config.spawner.pre_spawn_hook = Some(["sh", "-c", &script].map(ToOwned::to_owned).into());
    let proxy = TestProxy::start().await;
    let manager = scene
        .hub("one", &proxy.client(), Arc::new(SystemClock))
        .await;
    start_and_leave(&manager).await;
    let pid: u32 = eventually("the hook runs", async || {
        let text = std::fs::read_to_string(&file).ok()?;
        text.trim().parse().ok()
    })
    .await;
    // Whoever stops the server ends the hook.
    assert_eq!(stop(&manager).await.unwrap(), StopOutcome::Stopped);
    eventually("the hook is gone", async || {
        (!is_running(pid)).then_some(())
    })
    .await;
    assert_eq!(scene.starts().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_hook_is_told_what_is_kept_of_the_login() {
    let mut scene = Scene::new("");
    let hook = command(&scene);
    (
        scene.config.spawner.auth_state_hook,
        scene.config.spawner.pre_spawn_hook,
    ) = (hook.clone(), hook);
    scene.config.authenticator.enable_auth_state = true;
    scene.config.crypt_keeper.keys = vec![CryptKey::parse(&"5a".repeat(32)).unwrap()];
    let proxy = TestProxy::start().await;
    let manager = scene
        .hub("one", &proxy.client(), Arc::new(SystemClock))
        .await;
    let alice = db::users::find(manager.db.read(), "alice").await.unwrap();
    let alice = alice.unwrap().id;
    let states = AuthStates::new(manager.db.clone(), &manager.config);
    let state = serde_json::json!({"access_token": "from-the-provider"});
    let tx = manager.db.write().await.unwrap();
    states.write(&tx, alice, Some(&state)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(start(&manager).await.unwrap(), StartOutcome::Ready);
    let notes = notes(&scene);
    assert_eq!(notes[0]["auth_state"], state);
    // The other learns of it what the first one made of it, and no more.
    assert_eq!(notes[1].get("auth_state"), None);
}

/// Notes what it is told of servers where the hooks note it, and may refuse them.
#[derive(Debug)]
struct Recording {
    notes: PathBuf,
    refuses: bool,
}

impl Recording {
    fn note(&self, told: &str, at: &ServerRef) {
        let mut options = std::fs::OpenOptions::new();
        let notes = options.create(true).append(true).open(&self.notes);
        let note = json!({"hook": told, "at": at.to_string()});
        writeln!(notes.unwrap(), "{note}").unwrap();
    }
}

#[async_trait]
impl Authenticator for Recording {
    fn class(&self) -> &'static str {
        "recording"
    }

    async fn authenticate(
        &self,
        _: &str,
        _: &LoginForm,
    ) -> Result<Option<AuthModel>, AuthUnavailable> {
        Ok(None)
    }

    async fn pre_spawn(&self, at: &ServerRef) -> Result<(), String> {
        self.note("pre_spawn", at);
        match self.refuses {
            true => Err("your session cannot be opened".to_owned()),
            false => Ok(()),
        }
    }

    async fn post_stop(&self, at: &ServerRef) {
        self.note("post_stop", at);
    }
}

fn recorded(scene: &mut Scene, refuses: bool) {
    let hook = command(scene);
    let spawner = &mut scene.config.spawner;
    (spawner.pre_spawn_hook, spawner.post_stop_hook) = (hook.clone(), hook);
    let notes = scene.path("notes");
    scene.authenticator = Arc::new(Recording { notes, refuses });
}

/// What was noted, without what the hooks alone are told.
fn told(scene: &Scene) -> Vec<String> {
    let said = |note: &Value| {
        let words = [&note["hook"], &note["at"]].map(|word| word.as_str().unwrap_or_default());
        words.join(" ").trim_end().to_owned()
    };
    notes(scene).iter().map(said).collect()
}

/// An authenticator that opens sessions for servers, as PAM does, is told of every start and of every end.
#[tokio::test(flavor = "multi_thread")]
async fn the_authenticator_is_told_before_all_and_after_all() {
    let mut scene = Scene::new("");
    recorded(&mut scene, false);
    let proxy = TestProxy::start().await;
    let manager = scene
        .hub("one", &proxy.client(), Arc::new(SystemClock))
        .await;
    let whole = [
        "pre_spawn alice/",
        "pre_spawn_hook",
        "post_stop_hook",
        "post_stop alice/",
    ];
    assert_eq!(start(&manager).await.unwrap(), StartOutcome::Ready);
    assert_eq!(told(&scene), whole[..2]);
    assert_eq!(stop(&manager).await.unwrap(), StopOutcome::Stopped);
    assert_eq!(told(&scene), whole);
    // One that ends by itself has ended, too.
    assert_eq!(start(&manager).await.unwrap(), StartOutcome::Ready);
    kill(record(&row(&manager, "").await.unwrap()).pid);
    eventually("the authenticator is told of the end", async || {
        manager.poll_servers().await.unwrap();
        (told(&scene) == [whole, whole].concat()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_authenticator_refuses_is_not_started() {
    let mut scene = Scene::new("");
    recorded(&mut scene, true);
    let proxy = TestProxy::start().await;
    let manager = scene
        .hub("one", &proxy.client(), Arc::new(SystemClock))
        .await;
    let error = start(&manager).await.unwrap_err();
    assert!(
        error.to_string().contains("your session cannot be opened"),
        "{error}"
    );
    let server = row(&manager, "").await.unwrap();
    assert_eq!(
        (server.state, scene.starts().len()),
        (ServerState::Stopped, 0)
    );
    let after = ["pre_spawn alice/", "post_stop_hook", "post_stop alice/"];
    assert_eq!(told(&scene), after, "no hook is asked about the start");
}
