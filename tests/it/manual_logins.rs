//! The examples of JupyterHub's own manual on who may log in, as they stand there: lines of a `jupyterhub_config.py`. What it
//! promises of them holds; where JupyterHub has changed its mind since (an empty whitelist), the hub says so.

use e2e::{Stack, programs};
use serde_json::json;

/// "Create a whitelist of users", "Configure admins (`admin_users`)".
const WHITELIST: &str = "c.Authenticator.whitelist = {'mal', 'zoe', 'inara', 'kaylee'}\n";
const ADMINS: &str = "c.Authenticator.admin_users = {'mal', 'zoe'}\n";

/// "Give admin access to other users' notebook servers (`admin_access`)".
const ADMIN_ACCESS: &str = "c.JupyterHub.admin_access = True\n";

/// "What is the default behavior when none of the lists are set?", and the workshop's "Configure whitelist to be an empty list".
const EMPTY: &str = "c.Authenticator.whitelist = set()\n";

/// A hub with these lines at the end of its `jupyterhub_config.py`, any password, and nothing said about users otherwise.
async fn hub(lines: &str) -> Stack {
    let program = programs::path("hub").display().to_string();
    Stack::builder()
        .python_config()
        .config(&format!(
            "[Authenticator]\nallow_all = false\nadmin_users = []\n[Spawner]\ncmd = [{program:?}, 'demo-server']\nargs = []"
        ))
        .program("of_the_manual.py", lines)
        .wrapped(&[
            "sh",
            "-c",
            "cat of_the_manual.py >> jupyterhub_config.py; exec \"$@\"",
            "sh",
        ])
        .start()
        .await
}

#[tokio::test]
async fn the_whitelist_and_the_admins() {
    let stack = hub(&format!("{WHITELIST}{ADMINS}")).await;
    let api = stack.api();
    // "Users in the whitelist are added to the Hub database when the Hub is started."
    for (name, admin) in [
        ("mal", true),
        ("zoe", true),
        ("inara", false),
        ("kaylee", false),
    ] {
        assert_eq!(api.user(name).await["admin"], admin, "{name}");
        stack.visitor().login(name, "x").await;
    }
    stack.visitor().try_login("jayne", "x").await.expect(403);
    // "Admin users of JupyterHub can add and remove users from the user whitelist."
    let token = api.new_token("mal", &[]).await;
    let mal = stack.client().token(&token);
    let jayne = "/hub/api/users/jayne";
    mal.post(jayne, &json!({})).await.expect(201);
    stack.visitor().login("jayne", "x").await;
    mal.delete(jayne).await.expect(204);
    stack.visitor().try_login("jayne", "x").await.expect(403);
    assert!(
        stack
            .log()
            .contains("[Authenticator] whitelist is an old name")
    );
}

#[tokio::test]
async fn admins_of_the_list_need_not_be_in_the_whitelist() {
    // "Users in the admin list are automatically added to the user whitelist, if they are not already present."
    let lines = "c.Authenticator.whitelist = {'inara'}\nc.Authenticator.admin_users = {'mal'}\n";
    let stack = hub(lines).await;
    for name in ["inara", "mal"] {
        stack.visitor().login(name, "x").await;
    }
    stack.visitor().try_login("zoe", "x").await.expect(403);
}

#[tokio::test]
async fn admin_access_lets_admins_into_servers_and_nobody_else() {
    let stack = hub(&format!("{WHITELIST}{ADMINS}{ADMIN_ACCESS}")).await;
    stack.api().start_server("inara").await;
    for (name, status) in [("mal", 200), ("kaylee", 403)] {
        let mut visitor = stack.visitor();
        visitor.login(name, "x").await;
        let page = visitor.open("user/inara/").await;
        assert_eq!(page.status, status, "{name}: {page:#?}");
        // "As a courtesy, you should make sure your users know if admin_access is enabled."
        let home = visitor.get("hub/home").await.expect(200);
        let told = "Administrators of this hub can open your servers.";
        assert!(home.body.contains(told), "{name}: {}", home.body);
    }
    assert!(
        stack
            .log()
            .contains("[JupyterHub] admin_access is an old setting")
    );
}

#[tokio::test]
async fn an_empty_whitelist_is_nobody_and_the_hub_says_what_to_write() {
    let stack = hub(EMPTY).await;
    stack.visitor().try_login("mal", "x").await.expect(403);
    let log = stack.log();
    for said in [
        "[Authenticator] whitelist is an old name: write allowed_users; an empty list no longer means",
        "Nobody can log in: no rule allows anybody. Set Authenticator.allow_all = true",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }
}
