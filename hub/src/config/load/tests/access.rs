//! Roles, scopes and tokens.

use super::*;

const CUSTOM: &str = "custom_scopes = { 'custom:lab:book' = { description = 'Book the lab.' } }\n";
const SECRET: &str = "0123456789abcdef";

fn warnings(text: &str) -> Vec<String> {
    let loaded = toml(&format!("{DUMMY}{text}")).unwrap();
    loaded.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn mistakes() {
    let role = |rest: &str| format!("[[JupyterHub.load_roles]]\nname = 'abc'\n{rest}");
    let named =
        |name: &str, rest: &str| format!("[[JupyterHub.load_roles]]\nname = '{name}'\n{rest}");
    for (text, expected) in [
        (
            role("scopes = ['custom:lab:book']"),
            "hub.toml:5: [JupyterHub] load_roles role 'abc': scopes: holds 'custom:lab:book', which is not defined in \
             [JupyterHub] custom_scopes",
        ),
        (
            format!("{CUSTOM}{}", role("scopes = ['custom:lab:boko!user']")),
            "hub.toml:6: [JupyterHub] load_roles role 'abc': scopes: holds 'custom:lab:boko!user', which is not defined in \
             [JupyterHub] custom_scopes; did you mean custom:lab:book?",
        ),
        (
            "extra_user_scopes = ['custom:lab:book']".to_owned(),
            "hub.toml:3: [JupyterHub] extra_user_scopes holds 'custom:lab:book'",
        ),
        (
            "[Spawner]\nserver_token_scopes = ['custom:lab:book']".to_owned(),
            "hub.toml:4: [Spawner] server_token_scopes holds 'custom:lab:book'",
        ),
        (
            "custom_scopes = { 'lab:book' = { description = 'd' } }".to_owned(),
            "hub.toml:3: [JupyterHub] custom_scopes 'lab:book' cannot be a scope: write custom:",
        ),
        (
            role("scopes = ['all']"),
            "hub.toml:5: [JupyterHub] load_roles role 'abc': scopes[0] holds 'all', which is called 'inherit'",
        ),
        (
            named("admin", "scopes = ['shutdown']"),
            "hub.toml:5: [JupyterHub] load_roles role 'admin': scopes: the scopes of the role admin cannot be changed",
        ),
        (
            named("admin", "description = 'me'"),
            "hub.toml:5: [JupyterHub] load_roles role 'admin': description: the description of the role admin cannot",
        ),
        (
            "[Spawner]\noauth_roles = ['serv']".to_owned(),
            "hub.toml:4: [Spawner] oauth_roles names the role 'serv', which does not exist; did you mean 'server'?",
        ),
        (
            "[[JupyterHub.services]]\nname = 'a'\nurl = 'http://127.0.0.1:1'\noauth_roles = ['lab']".to_owned(),
            "hub.toml:6: service \"a\": oauth_roles names the role 'lab', which does not exist",
        ),
        (
            "api_tokens = { sesame = 'mal' }".to_owned(),
            "hub.toml:3: [JupyterHub] api_tokens holds a token of mal with 6 characters",
        ),
        (
            format!("api_tokens = {{ '{SECRET}' = 'a/b' }}"),
            "hub.toml:3: [JupyterHub] api_tokens 'a/b' cannot be a user",
        ),
        (
            format!("service_tokens = {{ '{SECRET}' = 'a b' }}"),
            "hub.toml:3: [JupyterHub] service_tokens 'a b' cannot be a service",
        ),
        (
            format!("api_tokens = {{ '{SECRET}' = 'mal' }}\nservice_tokens = {{ '{SECRET}' = 'x' }}"),
            "hub.toml:3: [JupyterHub] api_tokens the token of user mal is that of service x too; give each its own",
        ),
    ] {
        let found = problems(&format!("{DUMMY}{text}")).join("|");
        assert!(found.starts_with(expected), "{text}:\n  {found}\n  {expected}");
        assert!(!found.contains(SECRET) && !found.contains("sesame"), "{found}");
    }
}

#[test]
fn doubts() {
    let user = |rest: &str| format!("[[JupyterHub.load_roles]]\nname = 'user'\n{rest}");
    for (text, expected) in [
        (user("scopes = ['read:hub']"), "scopes: lacks 'self'"),
        (
            format!(
                "extra_user_scopes = ['read:hub']\n{}",
                user("scopes = ['self']")
            ),
            "scopes: extra_user_scopes has no effect beside it",
        ),
        (
            user("users = ['mal']"),
            "users: has no effect: every user holds this role",
        ),
        (
            "[[JupyterHub.load_roles]]\nname = 'abc'".to_owned(),
            "scopes: there are none: the role gives nothing",
        ),
        (
            format!("api_tokens = {{ '{SECRET}' = 'mal' }}"),
            "[JupyterHub] api_tokens is an old name: give a service",
        ),
        (
            "[Spawner]\noauth_roles = ['server']\noauth_client_allowed_scopes = ['self']"
                .to_owned(),
            "has no effect beside oauth_client_allowed_scopes",
        ),
    ] {
        let found = warnings(&text).join("|");
        assert!(found.contains(expected), "{text}:\n  {found}\n  {expected}");
    }
    // To repeat what the role admin is anyway is nothing to speak of.
    let spec = "[[JupyterHub.load_roles]]\nname = 'admin'\nusers = ['mal']\ndescription = 'Elevated privileges (can do anything)'";
    assert_eq!(warnings(spec), warnings(""));
}

#[test]
fn what_takes_effect() {
    let text = format!(
        "{DUMMY}{CUSTOM}extra_user_scopes = ['access:services']\n\
         service_tokens = {{ '{SECRET}' = 'grader' }}\n\
         api_tokens = {{ 'fedcba9876543210' = 'mal' }}\n\
         [[JupyterHub.load_roles]]\nname = 'booker'\nservices = ['grader']\nscopes = ['custom:lab:book']\n\
         [[JupyterHub.services]]\nname = 'a'\nurl = 'http://127.0.0.1:1'\napi_token = 'aaaaaaaaaaaa'\n\
         oauth_roles = ['booker', 'server']\n\
         [Spawner]\noauth_roles = ['booker']\n"
    );
    let config = toml(&text).unwrap().config;
    let hub = &config.jupyterhub;
    let texts = |scopes: &[hub_types::scope::Scope]| {
        scopes.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        texts(&hub.services[0].oauth_client_allowed_scopes),
        [
            "users:activity!user",
            "access:servers!server",
            "custom:lab:book"
        ]
    );
    assert!(hub.services[0].oauth_roles.is_empty() && config.spawner.oauth_roles.is_empty());
    assert_eq!(
        texts(&config.spawner.oauth_client_allowed_scopes),
        ["custom:lab:book"]
    );
    assert_eq!(hub.service_tokens[0].1, "grader");
    assert_eq!(hub.api_tokens[0].0.expose(), "fedcba9876543210");
    let user = hub
        .roles()
        .into_iter()
        .find(|role| role.name == "user")
        .unwrap();
    assert_eq!(texts(&user.scopes), ["self", "access:services"]);
    // What is shown holds no secret.
    let shown = crate::config::show::in_force(&toml(&text).unwrap());
    assert!(
        shown.contains("custom:lab:book") && shown.contains("of grader"),
        "{shown}"
    );
    assert!(
        !shown.contains(SECRET) && !shown.contains("fedcba"),
        "{shown}"
    );
}

/// A first letter that looks like an `a` and is Cyrillic.
const MIXED: &str = "\u{430}lice";

#[test]
fn names_that_only_a_pattern_admits_may_stand_everywhere() {
    let role = format!("[[JupyterHub.load_roles]]\nname = 'abc'\nusers = ['{MIXED}']");
    let group = format!("[JupyterHub.load_groups]\nlab = {{ users = ['{MIXED}'] }}");
    let token = format!("api_tokens = {{ '{SECRET}' = '{MIXED}' }}");
    let list = |class: &str, setting: &str| format!("[{class}]\n{setting} = ['{MIXED}']");
    for (text, place) in [
        (
            list("Authenticator", "allowed_users"),
            "hub.toml:4: [Authenticator] allowed_users",
        ),
        (
            list("Authenticator", "whitelist"),
            "hub.toml:4: [Authenticator] whitelist",
        ),
        (
            list("DummyAuthenticator", "admin_users"),
            "hub.toml:4: [Authenticator] admin_users",
        ),
        (
            format!("admin_users = ['{MIXED}']"),
            "hub.toml:3: [JupyterHub] admin_users",
        ),
        (role, "hub.toml:5: [JupyterHub] load_roles role 'abc'"),
        (group, "hub.toml:3: [JupyterHub] load_groups"),
        (token, "hub.toml:3: [JupyterHub] api_tokens"),
    ] {
        let found = problems(&format!("{DUMMY}{text}")).join("|");
        assert!(found.starts_with(place), "{text}:\n  {found}\n  {place}");
        let pattern = "[Authenticator]\nusername_pattern = '[\\p{Cyrillic}a-z]+'\n";
        let text = match text.strip_prefix("[Authenticator]\n") {
            Some(rest) => format!("{DUMMY}{pattern}{rest}"),
            None => format!("{DUMMY}{text}\n{pattern}"),
        };
        assert_eq!(problems(&text), Vec::<String>::new(), "{text}");
    }
    // Somebody of old can be shut out without any.
    let blocked = format!("{DUMMY}{}", list("Authenticator", "blocked_users"));
    assert_eq!(problems(&blocked), Vec::<String>::new());
}
