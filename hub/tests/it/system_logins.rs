//! Logins of real users of this machine, through the real PAM.

pub(crate) mod accounts;
mod helper;
mod made;
mod sessions;

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::future::join_all;
use hub::auth::LoginForm;
use hub::auth::contract::{Subject, check};
use hub::auth::pam::PamUsers;
use hub::config::{AuthenticatorClass, Config};
use serde_json::json;

use crate::harness::{Browser, COOKIE_SECRET, Hub, Reply};
use crate::scene::launcher;
use crate::watch::Watched;
use accounts::{Accounts, PLAIN, RIGHT, unique};

/// How long a failed login takes at least.
const FAILED_AFTER: Duration = Duration::from_secs(2);

/// A configuration that asks PAM about everybody.
fn pam(config: &mut Config, service: &str) {
    config.jupyterhub.authenticator_class = AuthenticatorClass::Pam;
    config.pam.service = service.to_owned();
    config.authenticator.allow_all = Some(true);
}

async fn hub(service: &str, change: impl FnOnce(&mut Config)) -> Watched {
    Watched::with(|config| {
        pam(config, service);
        change(config);
    })
    .await
}

/// Sends the login form as a browser does; `otp` if there is one. A machine that is too busy says so, and is asked again.
async fn submit(hub: &Hub, name: &str, password: &str, otp: Option<&str>) -> Reply {
    let page = hub.request("GET", "/hub/login").send().await.expect(200);
    assert_eq!(page.body.contains("name=\"otp\""), otp.is_some());
    let xsrf = page.cookie("_xsrf").unwrap();
    let mut fields = vec![
        ("_xsrf", &*xsrf),
        ("username", name),
        ("password", password),
    ];
    fields.extend(otp.map(|otp| ("otp", otp)));
    let mut tries = 0;
    loop {
        let form = hub.request("POST", "/hub/login");
        let form = form
            .header("cookie", &format!("_xsrf={xsrf}"))
            .form(&fields);
        let reply = form.send().await;
        tries += 1;
        if reply.status != 503 || tries == 5 {
            return reply;
        }
    }
}

async fn login(hub: &Hub, name: &str, password: &str) -> u16 {
    submit(hub, name, password, None).await.status.as_u16()
}

/// The browser of somebody who has just logged in.
async fn browser(hub: &Hub, name: &str) -> Browser {
    let reply = submit(hub, name, RIGHT, None).await.expect(302);
    let cookie = |name: &str| reply.cookie(name).unwrap();
    let (login, xsrf) = (cookie("jupyterhub-hub-login"), cookie("_xsrf"));
    let session_id = cookie("jupyterhub-session-id");
    Browser {
        cookies: format!(
            "jupyterhub-hub-login={login}; jupyterhub-session-id={session_id}; _xsrf={xsrf}"
        ),
        login,
        xsrf,
        session_id,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_right_comes_in_and_nobody_else() {
    let mut accounts = Accounts::new();
    let plain = accounts.service(PLAIN);
    let good = accounts.user(&[]);
    let locked = accounts.user(&[&["usermod", "--lock"]]);
    let must_change = accounts.user(&[&["chage", "--lastday", "0"]]);
    let expired = accounts.user(&[&["chage", "--expiredate", "1"]]);
    let no_password = accounts.user(&[&["passwd", "--quiet", "--delete"]]);
    let no_shell = accounts.user(&[&["usermod", "--shell", "/usr/sbin/nologin"]]);
    let hub = hub(&plain, |_| {}).await;
    let loose = Hub::with(|config| {
        pam(config, &plain);
        config.pam.check_account = false;
    })
    .await;
    let nobody = unique();
    let shouted = good.to_uppercase();
    let cases: &[(u32, &Hub, &str, &str, u16)] = &[
        (1, &hub, &good, RIGHT, 302),
        (2, &hub, &shouted, RIGHT, 302),
        (3, &hub, &good, "wrong", 403),
        (4, &hub, &good, "", 403),
        (5, &hub, &good, &format!("{RIGHT} "), 403),
        (6, &hub, &nobody, RIGHT, 403),
        (7, &hub, &locked, RIGHT, 403),
        (8, &hub, &must_change, RIGHT, 403),
        (9, &hub, &expired, RIGHT, 403),
        // Whether an account needs a shell is for PAM to say: see the next test.
        (10, &hub, &no_shell, RIGHT, 302),
        (11, &hub, &no_password, "", 403),
        (12, &hub, &no_password, RIGHT, 403),
        (13, &hub, &good, &"x".repeat(100_000), 403),
        (14, &loose, &expired, RIGHT, 302),
        (15, &loose, &must_change, RIGHT, 302),
        (16, &loose, &locked, RIGHT, 403),
    ];
    let seen = join_all(
        cases
            .iter()
            .map(|(number, hub, name, password, _)| async move {
                (*number, login(hub, name, password).await)
            }),
    )
    .await;
    let expected: Vec<(u32, u16)> = cases.iter().map(|case| (case.0, case.4)).collect();
    assert_eq!(seen, expected, "{}", hub.log.text());
    let log = hub.log.text();
    assert!(
        log.contains(&format!(
            "Failed login for \"{locked}\": wrong name or password"
        )),
        "{log}"
    );
    assert!(!log.contains("horse"), "a password is in the log: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_decides_whether_an_account_needs_a_shell() {
    let mut accounts = Accounts::new();
    let service = accounts.service(&format!("auth required pam_shells.so\n{PLAIN}"));
    let (shell, no_shell) = (
        accounts.user(&[]),
        accounts.user(&[&["usermod", "--shell", "/usr/sbin/nologin"]]),
    );
    let hub = hub(&service, |_| {}).await;
    assert_eq!(login(&hub, &shell, RIGHT).await, 302);
    assert_eq!(login(&hub, &no_shell, RIGHT).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_machines_own_service_works() {
    let mut accounts = Accounts::new();
    let name = accounts.user(&[]);
    let hub = hub("login", |_| {}).await;
    assert_eq!(login(&hub, &name, RIGHT).await, 302, "{}", hub.log.text());
    assert_eq!(login(&hub, &name, "wrong").await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_text_nor_time_tells_whether_a_user_exists() {
    let mut accounts = Accounts::new();
    let service = accounts.service(PLAIN);
    let (known, locked) = (accounts.user(&[]), accounts.user(&[&["usermod", "--lock"]]));
    let hub = hub(&service, |_| {}).await;
    let nobody = unique();
    let names = [
        known.as_str(),
        &locked,
        &nobody,
        "root",
        "-rf",
        "../../x",
        "a:b",
    ];
    let replies = join_all(names.map(|name| {
        let hub = &hub;
        async move {
            let begin = Instant::now();
            let reply = submit(hub, name, "wrong", None).await.expect(403);
            (begin.elapsed(), reply.body.replace(name, "NAME"))
        }
    }))
    .await;
    let text = |body: &str| {
        let (_, rest) = body.split_once("id=\"login-error\"").unwrap();
        rest.split_once("</p>").unwrap().0.to_owned()
    };
    for (name, (took, body)) in names.iter().zip(&replies) {
        assert!(*took >= FAILED_AFTER, "{name}: {took:?}");
        assert_eq!(text(body), text(&replies[0].1), "{name}");
    }
    // With a name and password for a token, likewise.
    for name in [&known, &nobody] {
        let begin = Instant::now();
        let body = json!({"auth": {"username": name, "password": "wrong"}});
        let path = format!("/hub/api/users/{name}/tokens");
        hub.request("POST", &path)
            .json(&body)
            .send()
            .await
            .expect(403);
        assert!(begin.elapsed() >= FAILED_AFTER, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pam_keeps_the_contract() {
    let mut accounts = Accounts::new();
    let mut config = Config::default();
    pam(&mut config, &accounts.service(PLAIN));
    config.authenticator.manage_groups = true;
    let right = [accounts.user(&[]), accounts.user(&[])];
    let subject = Subject {
        right: right
            .iter()
            .map(|name| LoginForm::new(name.as_str(), RIGHT))
            .collect(),
        wrong: "wrong",
    };
    let broken = check(&PamUsers::new(&config, &launcher()), &subject).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_the_machine_allow_and_make_administrators() {
    let mut accounts = Accounts::new();
    let service = accounts.service(PLAIN);
    let [member, boss, stranger] = [(); 3].map(|()| accounts.user(&[]));
    let class = accounts.group(&[&member, &boss]);
    let staff = accounts.group(&[&boss, &stranger]);
    let hub = hub(&service, |config| {
        config.authenticator.allow_all = None;
        config.authenticator.manage_groups = true;
        config.local_users.allowed_groups = [class.clone(), "no-such-group".to_owned()].into();
        // A blank one is none: it must not be looked for.
        config.pam.admin_groups = [staff.clone(), " ".to_owned()].into();
    })
    .await;
    assert_eq!(login(&hub, &member, RIGHT).await, 302);
    assert_eq!(login(&hub, &boss, RIGHT).await, 302);
    assert_eq!(
        login(&hub, &stranger, RIGHT).await,
        403,
        "an administrators' group allows nobody in"
    );
    assert!(hub.log.text().contains("no such group: no-such-group"));
    let root = hub.token("admin", &["inherit"]).await;
    let model = async |name: &str| {
        let path = format!("/hub/api/users/{name}");
        hub.call(&root, "GET", &path)
            .send()
            .await
            .expect(200)
            .json()
    };
    let (member_model, boss_model) = (model(&member).await, model(&boss).await);
    assert_eq!(
        (&member_model["admin"], &boss_model["admin"]),
        (&json!(false), &json!(true))
    );
    let groups = boss_model["groups"].as_array().unwrap();
    assert!(
        groups.contains(&json!(class)) && groups.contains(&json!(staff)),
        "{groups:?}"
    );

    // The machine says who is in which group: the API does not.
    let path = format!("/hub/api/groups/{class}/users");
    let call = hub
        .call(&root, "POST", &path)
        .json(&json!({"users": ["alice"]}));
    let refused = call.send().await.expect(400);
    assert_eq!(
        refused.error().1.as_deref(),
        Some("Group management via API is disabled")
    );
    accounts.change("gpasswd", &["--delete", &boss, &staff]);
    assert_eq!(login(&hub, &boss, RIGHT).await, 302);
    let boss_model = model(&boss).await;
    assert_eq!(boss_model["admin"], false);
    assert!(
        !boss_model["groups"]
            .as_array()
            .unwrap()
            .contains(&json!(staff))
    );
}

/// JupyterHub asks PAM for the name as typed, and renames who has come in.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_renamed_has_a_password_of_their_own() {
    let mut accounts = Accounts::new();
    let service = accounts.service(PLAIN);
    let student = accounts.user(&[]);
    let account = accounts.user(&[&["usermod", "--lock"]]);
    let class = accounts.group(&[&account]);
    let hub = hub(&service, |config| {
        config.authenticator.manage_groups = true;
        config.authenticator.username_map = [(student.clone(), account.clone())].into();
    })
    .await;
    assert_eq!(login(&hub, &account, RIGHT).await, 403, "it is locked");
    assert_eq!(login(&hub, &student, "wrong").await, 403);
    assert_eq!(login(&hub, &student, RIGHT).await, 302);
    let token = hub.token(&account, &["inherit"]).await;
    let model = hub.call(&token, "GET", "/hub/api/user").send().await;
    let model = model.expect(200).json();
    assert_eq!(model["name"], json!(account));
    let groups = model["groups"].as_array().unwrap();
    assert!(groups.contains(&json!(class)), "{groups:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_ends_when_the_account_does() {
    let mut accounts = Accounts::new();
    let service = accounts.service(PLAIN);
    let name = accounts.user(&[]);
    let hub = hub(&service, |config| {
        config.authenticator.refresh_pre_spawn = true;
    })
    .await;
    let browser = browser(&hub, &name).await;
    let token = hub.token(&name, &["inherit"]).await;
    let home = async || {
        let call = hub
            .request("GET", "/hub/home")
            .header("cookie", &browser.cookies);
        call.send().await.status.as_u16()
    };
    assert_eq!(home().await, 200);
    accounts.change("chage", &["--expiredate", "1", &name]);
    assert_eq!(home().await, 200, "not asked again yet");
    hub.clock.advance(TimeDelta::seconds(301));
    assert_eq!(home().await, 302, "{}", hub.log.text());
    hub.call(&token, "GET", "/hub/api/user")
        .send()
        .await
        .expect(200);
    accounts.change("chage", &["--expiredate", "-1", &name]);
    assert_eq!(home().await, 302, "not asked again yet");
    hub.clock.advance(TimeDelta::seconds(301));
    assert_eq!(home().await, 200);

    // Before a start it is asked at once.
    accounts.change("chage", &["--expiredate", "1", &name]);
    let path = format!("/hub/spawn/{name}");
    let start = hub.request("GET", &path).browser(&browser);
    start.send().await.expect(403);

    let strict = hub
        .restarted(COOKIE_SECRET, |config| {
            config.authenticator.auth_refresh_strict = true;
        })
        .await;
    strict
        .call(&token, "GET", "/hub/api/user")
        .send()
        .await
        .expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_time_password_is_asked_for() {
    let mut accounts = Accounts::new();
    let service = accounts.service(PLAIN);
    let name = accounts.user(&[]);
    let hub = hub(&service, |config| {
        config.authenticator.request_otp = true;
        config.authenticator.otp_prompt = "Code:".to_owned();
    })
    .await;
    let page = hub.request("GET", "/hub/login").send().await.expect(200);
    assert!(page.body.contains("Code:"), "{}", page.body);
    // These modules ask one question: what is left over disturbs nobody, and does not count as the password.
    for (password, otp, status) in [(RIGHT, "123456", 302), ("wrong", RIGHT, 403)] {
        submit(&hub, &name, password, Some(otp))
            .await
            .expect(status);
    }
}
