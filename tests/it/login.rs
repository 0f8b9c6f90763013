//! Logging in and out, as pages and cookies show it.

use std::os::unix::fs::PermissionsExt as _;

use e2e::{Stack, Visitor};

const PASSWORDS: &str = r#"
    [JupyterHub]
    authenticator_class = "shared-password"
    [SharedPasswordAuthenticator]
    user_password = "a-long-user-password"
    admin_password = "a-much-longer-administrator-password-1"
"#;

async fn logged_in(visitor: &mut Visitor) -> bool {
    let reply = visitor.get("hub/home").await;
    match reply.status {
        200 => true,
        302 => {
            assert!(reply.location().contains("/hub/login?next="), "{reply:#?}");
            false
        }
        _ => panic!("neither home nor login: {reply:#?}"),
    }
}

#[tokio::test]
async fn a_stranger_is_asked_to_log_in_and_comes_back_to_where_he_was() {
    let stack = Stack::builder().base_url("/hub-a/").start().await;
    let mut visitor = stack.visitor();
    let page = visitor.follow("hub/token").await.expect(200);
    assert_eq!(page.url.path(), "/hub-a/hub/login");
    assert_eq!(page.url.query(), Some("next=%2Fhub-a%2Fhub%2Ftoken"));

    let action = page.url.to_string();
    let reply = visitor
        .submit(&page, &action, &[("username", " Mal "), ("password", "x")])
        .await
        .expect(302);
    assert_eq!(reply.location(), "/hub-a/hub/token");
    let page = visitor.follow("hub/token").await.expect(200);
    assert!(
        page.body.contains("mal"),
        "the page names its user: {}",
        page.body
    );
    assert_eq!(stack.api().user("mal").await["name"], "mal");
}

#[tokio::test]
async fn cookies_reach_only_who_needs_them() {
    let stack = Stack::builder().base_url("/hub-a/").start().await;
    let mut visitor = stack.visitor();
    visitor.login("mal", "x").await;

    let session = visitor
        .jar
        .get("jupyterhub-session-id", "/hub-a/")
        .expect("a session");
    assert_eq!(
        (session.path.as_str(), session.http_only),
        ("/hub-a/", true)
    );
    let login = visitor
        .jar
        .get("jupyterhub-hub-login", "/hub-a/hub/")
        .expect("a login");
    assert_eq!(
        (login.path.as_str(), login.http_only),
        ("/hub-a/hub/", true)
    );
    let xsrf = visitor
        .jar
        .get("_xsrf", "/hub-a/hub/")
        .expect("an XSRF cookie");
    assert_eq!((xsrf.path.as_str(), xsrf.http_only), ("/hub-a/hub/", false));
    let to_servers = visitor
        .jar
        .header("/hub-a/user/mal/")
        .expect("the session id");
    assert!(
        !to_servers.contains("login") && !to_servers.contains("_xsrf"),
        "{to_servers}"
    );
}

#[tokio::test]
async fn wrong_passwords_and_forged_forms_are_refused() {
    let stack = Stack::builder().config(PASSWORDS).start().await;
    let mut visitor = stack.visitor();
    for (user, password) in [
        ("mal", "wrong"),
        ("mal", ""),
        ("admin", "a-long-user-password"),
        ("mal", "a-much-longer-administrator-password-1"),
    ] {
        let reply = visitor.try_login(user, password).await.expect(403);
        assert!(
            reply.body.contains("Invalid username or password"),
            "{reply:#?}"
        );
        assert!(!password.is_empty() && !reply.body.contains(password) || password.is_empty());
        assert!(!logged_in(&mut visitor).await);
    }
    let page = visitor.get("hub/login").await.expect(200);
    let form = [
        ("username", "mal"),
        ("password", "a-long-user-password"),
        ("_xsrf", "forged"),
    ];
    let form = form.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let reply = visitor
        .send(reqwest::Method::POST, page.url.as_str(), Some(&form))
        .await;
    assert_eq!(reply.status, 403, "{reply:#?}");
    assert!(!logged_in(&mut visitor).await);

    visitor.login("mal", "a-long-user-password").await;
    assert!(logged_in(&mut visitor).await);
    let mut admin = stack.visitor();
    admin
        .login("admin", "a-much-longer-administrator-password-1")
        .await;
    assert!(logged_in(&mut admin).await);
    assert_eq!(stack.api().user("admin").await["admin"], true);
    assert_eq!(stack.api().user("mal").await["admin"], false);
}

#[tokio::test]
async fn the_page_after_login_is_never_another_site() {
    let stack = Stack::builder().start().await;
    for (next, expected) in [
        ("%2Fhub%2Ftoken", "/hub/token"),
        ("https%3A%2F%2Fevil.example%2Fx", "/hub/"),
        ("%2F%2Fevil.example", "/hub/"),
        ("%2F%5Cevil.example", "/%5Cevil.example"),
        ("%2F%2F%2Fevil.example", "/hub/"),
        ("javascript%3Aalert(1)", "/hub/"),
    ] {
        let mut visitor = stack.visitor();
        let path = format!("hub/login?next={next}");
        let page = visitor.get(&path).await.expect(200);
        let reply = visitor
            .submit(&page, &path, &[("username", "mal"), ("password", "x")])
            .await
            .expect(302);
        let location = reply.location();
        assert!(
            location == expected || (expected == "/hub/" && location.starts_with("/hub/")),
            "{next} leads to {location}"
        );
    }
}

#[tokio::test]
async fn after_logout_copied_cookies_are_worthless() {
    let stack = Stack::builder().start().await;
    let mut visitor = stack.visitor();
    visitor.login("mal", "x").await;
    let mut thief = visitor.clone();
    let mut other_device = stack.visitor();
    other_device.login("mal", "x").await;
    assert!(logged_in(&mut thief).await);

    visitor.logout().await;
    assert!(!logged_in(&mut visitor).await);
    assert!(
        !logged_in(&mut thief).await,
        "a copied cookie outlived its session"
    );
    assert!(
        logged_in(&mut other_device).await,
        "logout ended another device's session"
    );
}

#[tokio::test]
async fn secrets_are_readable_by_their_owner_only() {
    let stack = Stack::builder().start().await;
    for name in ["jupyterhub.sqlite", "jupyterhub_cookie_secret"] {
        let mode = std::fs::metadata(stack.data(name))
            .expect(name)
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}: {mode:o}");
    }
}
