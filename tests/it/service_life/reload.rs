//! A configuration with other services, and SIGHUP: what is new starts, what is gone stops with all it started, what has
//! changed starts again, and everything else goes on as it runs.

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::{Stack, eventually, ports, programs};
use nix::sys::signal::Signal;

use crate::spec;

const WAIT: Duration = Duration::from_secs(60);

const TOKEN_OF_GOES: &str = "the-token-of-a-service-that-goes";
const TOKEN_OF_COMES: &str = "the-token-of-a-service-that-comes";

/// The bundled whoami under another name.
fn whoami(name: &str, port: u16, more: &str) -> String {
    let hub = programs::path("hub").display().to_string();
    format!(
        "[[JupyterHub.services]]\nname = {name:?}\nurl = 'http://127.0.0.1:{port}'\ncommand = [{hub:?}, 'whoami']\n{more}\n"
    )
}

/// A service without a web address that starts another process.
fn goes() -> String {
    format!(
        "[[JupyterHub.services]]\nname = 'goes'\napi_token = {TOKEN_OF_GOES:?}\n\
         command = ['sh', '-c', 'sleep 5000 & exec sleep 6000']\n"
    )
}

/// The processes of services, by name.
fn running(stack: &Stack) -> BTreeMap<String, Vec<i32>> {
    let mut found = BTreeMap::<_, Vec<_>>::new();
    for process in stack.sandbox().running() {
        if let Some(name) = process.env.get("JUPYTERHUB_SERVICE_NAME") {
            found.entry(name.clone()).or_default().push(process.pid);
        }
    }
    found
}

/// Puts services in the place of others, sends SIGHUP, and waits for the hub's `answer`.
async fn reload(stack: &Stack, base: &str, services: &[&str], answer: &str) {
    let before = stack.log().matches(answer).count();
    let text = format!("{base}\n{}", services.concat());
    stack.sandbox().write("hub.toml", text);
    stack.hub().signal(Signal::SIGHUP);
    eventually(WAIT, answer, async || {
        stack.log().matches(answer).count() > before
    })
    .await;
}

#[tokio::test]
async fn services_come_go_and_change_at_sighup() {
    let mut stack = Stack::builder()
        .config(spec::USERS_MAY_OPEN_SERVICES)
        .start()
        .await;
    let base = std::fs::read_to_string(stack.data("hub.toml")).expect("the harness wrote it");
    let [first, second, third] = [ports::free(), ports::free(), ports::free()];
    let stays = whoami("stays", first, "");
    let changes = whoami("changes", second, "");
    let changed = whoami("changes", second, "environment = { NEW = '1' }");

    reload(
        &stack,
        &base,
        &[&stays, &changes, &goes()],
        "SIGHUP: services: new: changes, goes, stays\n",
    )
    .await;
    for name in ["stays", "changes"] {
        stack.service_is_up(name).await;
    }
    let of_goes = stack.client().token(TOKEN_OF_GOES);
    of_goes.get("hub/api/user").await.expect(200);
    eventually(WAIT, "goes has both of its processes", async || {
        running(&stack)
            .get("goes")
            .is_some_and(|all| all.len() == 2)
    })
    .await;
    let before = running(&stack);
    let mut visitor = stack.visitor();
    visitor.login("mal", "x").await;
    visitor.open("services/stays/").await.expect(200);

    // A new one with a role, a changed one, and one less.
    let role = format!(
        "api_token = {TOKEN_OF_COMES:?}\n[[JupyterHub.load_roles]]\nname = 'of-comes'\nservices = ['comes']\nscopes = ['list:users']"
    );
    let comes = whoami("comes", third, &role);
    reload(
        &stack,
        &base,
        &[&stays, &changed, &comes],
        "SIGHUP: services: new: comes; gone: goes; started again: changes\n",
    )
    .await;
    let taken = "SIGHUP: in force now: [JupyterHub] load_roles, [JupyterHub] services";
    eventually(WAIT, taken, async || stack.log().contains(taken)).await;
    for name in ["comes", "changes", "stays"] {
        stack.service_is_up(name).await;
    }
    let now = running(&stack);
    assert_eq!(now.get("stays"), before.get("stays"), "it was touched");
    assert_ne!(
        now.get("changes"),
        before.get("changes"),
        "it is the old one"
    );
    assert_eq!(now.get("changes").map(Vec::len), Some(1));
    assert_eq!(now.get("goes"), None, "something of it still runs");
    assert_eq!(of_goes.get("hub/api/user").await.status, 403);
    stack.api().get("/services/goes").await.expect(404);
    let of_comes = stack.client().token(TOKEN_OF_COMES);
    of_comes.get("hub/api/users").await.expect(200);
    visitor.open("services/comes/").await.expect(200);
    visitor.open("services/stays/").await.expect(200);

    // What only the hub needs to know leaves the process alone.
    let told = whoami("stays", first, "display = false");
    reload(
        &stack,
        &base,
        &[&told, &changed],
        "SIGHUP: services: gone: comes; told otherwise: stays\n",
    )
    .await;
    let path = format!("{}services/comes", stack.base());
    assert_eq!(stack.api().routes().await.get(path), None);
    assert_eq!(of_comes.get("hub/api/user").await.status, 403);
    assert_eq!(running(&stack).get("stays"), before.get("stays"));

    // A program that is not there changes nothing, and the next hub finds everything as it is.
    let broken = "[[JupyterHub.services]]\nname = 'broken'\ncommand = ['/no/such/program']\n";
    reload(
        &stack,
        &base,
        &[&changed, broken],
        "SIGHUP: everything is left as it was: service \"broken\" cannot be started",
    )
    .await;
    let before = running(&stack);
    assert_eq!(before.len(), 2, "{before:?}");
    stack
        .sandbox()
        .write("hub.toml", format!("{base}\n{told}{changed}"));
    stack.kill_hub().await;
    stack.restart_hub().await;
    stack.service_is_up("stays").await;
    stack.service_is_up("changes").await;
    assert_eq!(running(&stack), before);
}
