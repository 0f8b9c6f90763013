//! One password for everybody, others that put people into groups: from the form to what they may do.

use hub::config::{AuthenticatorClass, RoleSpec};
use hub_types::secret::Token;
use serde_json::{Value, json};

use crate::harness::{Browser, Hub};

/// What everybody's password is.
const USERS: &str = "for-everybody";
/// What those know who are in the group `crew`, which has the role `reader`.
const CREW: &str = "for-the-crew";

async fn hub() -> Hub {
    Hub::with(|config| {
        let (auth, hub) = (&mut config.authenticator, &mut config.jupyterhub);
        hub.authenticator_class = AuthenticatorClass::SharedPassword;
        (auth.allow_all, auth.manage_groups) = (Some(true), true);
        hub.load_groups.clear();
        hub.load_roles.push(RoleSpec {
            name: "reader".to_owned(),
            scopes: Some(vec!["list:users".parse().unwrap()]),
            groups: Some(vec!["crew".to_owned()]),
            ..RoleSpec::default()
        });
        let shared = &mut config.shared_password;
        shared.user_password = Some(Token::from_config(USERS));
        let groups = vec!["crew".to_owned(), "ship".to_owned()];
        shared.password_groups = vec![(Token::from_config(CREW), groups)];
    })
    .await
}

/// The browser of whoever logs in with this form, if it is right.
async fn log_in(hub: &Hub, name: &str, password: &str) -> Option<Browser> {
    let page = hub.request("GET", "/hub/login").send().await.expect(200);
    let xsrf = page.cookie("_xsrf").unwrap();
    let form = hub.request("POST", "/hub/login");
    let form = form.header("cookie", &format!("_xsrf={xsrf}")).form(&[
        ("_xsrf", &*xsrf),
        ("username", name),
        ("password", password),
    ]);
    let reply = form.send().await;
    if reply.status == 403 {
        return None;
    }
    let reply = reply.expect(302);
    let cookie = |name: &str| reply.cookie(name).unwrap();
    let (login, xsrf) = (cookie("jupyterhub-hub-login"), cookie("_xsrf"));
    let session_id = cookie("jupyterhub-session-id");
    let cookies =
        format!("jupyterhub-hub-login={login}; jupyterhub-session-id={session_id}; _xsrf={xsrf}");
    Some(Browser {
        cookies,
        login,
        xsrf,
        session_id,
    })
}

/// Zoe's groups, and how a list is answered that needs the role.
async fn may(hub: &Hub, browser: &Browser) -> (Value, u16) {
    let get = async |path: &str| {
        let call = hub.request("GET", path).browser(browser);
        call.header("x-xsrftoken", &browser.xsrf).send().await
    };
    let model = get("/hub/api/user").await.expect(200).json();
    assert_eq!(model["name"], json!("zoe"));
    let users = get("/hub/api/users").await.status.as_u16();
    (model["groups"].clone(), users)
}

/// Source: JupyterHub 6.1's `SharedPasswordAuthenticator`.
#[tokio::test]
async fn who_knows_the_password_of_a_group_is_in_it_and_has_its_roles() {
    let hub = hub().await;
    assert!(log_in(&hub, "zoe", "for-nobody").await.is_none());
    let everybody = (json!([]), 403);
    let crew = (json!(["crew", "ship"]), 200);
    // Each login says anew in which groups they are: for what they have open elsewhere, too.
    let mut before = None;
    for (password, expected) in [(USERS, &everybody), (CREW, &crew), (USERS, &everybody)] {
        let browser = log_in(&hub, "zoe", password).await.unwrap();
        assert_eq!(&may(&hub, &browser).await, expected, "{password}");
        if let Some(before) = &before {
            assert_eq!(&may(&hub, before).await, expected, "{password}");
        }
        before = Some(browser);
    }
}
