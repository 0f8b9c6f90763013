use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::config::load::{Loaded, OwnClasses, TOML_FILE, assemble};
use crate::config::problem::ConfigError;
use crate::config::{Config, TokenGoes};

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn load(text: &str, env: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let env: BTreeMap<String, String> = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let file = Some((Path::new(TOML_FILE), text));
    assemble(file, &[], Path::new("/"), &env, &OwnClasses::default())
}

fn config(class: &str, more: &str, env: &[(&str, &str)]) -> Config {
    let text = format!("[JupyterHub]\nauthenticator_class = \"{class}\"\n{more}");
    load(&text, env).unwrap().config
}

/// What is wrong, one problem a line.
fn problems(class: &str, more: &str, env: &[(&str, &str)]) -> String {
    let text = format!("[JupyterHub]\nauthenticator_class = \"{class}\"\n{more}");
    match load(&text, env) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn auth_state_needs_a_key() {
    let on = "[Authenticator]\nenable_auth_state = true\n";
    let keys = |keys: &str| format!("{on}[CryptKeeper]\nkeys = {keys}\n");
    assert!(problems("dummy", on, &[]).contains("enable_auth_state needs a key to encrypt with"));
    assert!(problems("dummy", &keys("[]"), &[]).contains("needs a key"));
    assert!(problems("dummy", &keys("['0123']"), &[]).contains("holds what is no key"));
    let wrong = problems(
        "dummy",
        on,
        &[("JUPYTERHUB_CRYPT_KEY", &format!("{KEY};my-secret-words"))],
    );
    assert!(
        wrong.contains("JUPYTERHUB_CRYPT_KEY") && !wrong.contains("my-secret"),
        "{wrong}"
    );
    let both = format!("{KEY}; {};", KEY.to_uppercase());
    let config = config("dummy", on, &[("JUPYTERHUB_CRYPT_KEY", &both)]);
    assert_eq!(config.crypt_keeper.keys.len(), 2);
    // The file wins.
    let other = format!("[\"{}\"]", "ab".repeat(32));
    let text = format!(
        "[JupyterHub]\nauthenticator_class = \"dummy\"\n{}",
        keys(&other)
    );
    let config = load(&text, &[("JUPYTERHUB_CRYPT_KEY", &both)])
        .unwrap()
        .config;
    assert_eq!(config.crypt_keeper.keys[0].expose(), &[0xab; 32]);
    assert_eq!(config.crypt_keeper.keys.len(), 1);
}

#[test]
fn the_environment_fills_in_what_is_not_set() {
    let env = [
        ("OAUTH_CLIENT_ID", "of-all"),
        ("OAUTH_CLIENT_SECRET", "secret-of-all"),
        ("GITHUB_CLIENT_ID", "of-github"),
        ("GITHUB_HOST", "code.example.org"),
        (
            "OAUTH_CALLBACK_URL",
            "https://hub.example.org/hub/oauth_callback",
        ),
        ("OAUTH2_BASIC_AUTH", "1"),
        ("OAUTH_TLS_VERIFY", "0"),
        ("OAUTH2_USERDATA_REQUEST_TYPE", "url"),
        ("LOGIN_SERVICE", "the lab"),
        ("HOSTED_DOMAIN", "One.example;two.example;"),
        ("OAUTH2_USERNAME_KEY", "nick"),
        ("OAUTH2_AUTHORIZE_URL", "https://id.example.org/a"),
        ("OAUTH2_TOKEN_URL", "https://id.example.org/t"),
        ("OAUTH2_USERDATA_URL", "https://id.example.org/u"),
    ];
    let github = config("github", "", &env);
    assert_eq!(github.oauth.client_id.as_deref(), Some("of-github"));
    assert_eq!(
        github.oauth.client_secret.unwrap().expose(),
        "secret-of-all"
    );
    assert_eq!(
        github.github.github_url.unwrap().as_str(),
        "https://code.example.org/"
    );
    assert!(github.oauth.basic_auth && !github.oauth.validate_server_cert);
    assert_eq!(github.oauth.userdata_token_method, TokenGoes::Url);
    assert_eq!(github.oauth.login_service.as_deref(), Some("the lab"));
    // Those of the generic one say nothing of GitHub.
    assert_eq!(
        (github.oauth.username_claim, github.oauth.token_url),
        (None, None)
    );
    let google = config("google", "", &env);
    assert_eq!(google.google.hosted_domain, ["one.example", "two.example"]);
    let generic = config("generic-oauth", "", &env);
    assert_eq!(generic.oauth.username_claim.as_deref(), Some("nick"));
    let set =
        "[GenericOAuthenticator]\nclient_id = \"mine\"\nbasic_auth = false\ntls_verify = true\n";
    let generic = config("generic-oauth", set, &env);
    assert_eq!(generic.oauth.client_id.as_deref(), Some("mine"));
    assert!(!generic.oauth.basic_auth && generic.oauth.validate_server_cert);
}

#[test]
fn what_a_login_cannot_do_without() {
    let id = [("OAUTH_CLIENT_ID", "hub")];
    for (class, more, env, expected) in [
        (
            "github",
            "",
            &[][..],
            "[OAuthenticator] client_id is not set",
        ),
        ("oidc", "", &id[..], "[oidc] issuer is not set"),
        (
            "generic-oauth",
            "",
            &id[..],
            "[OAuthenticator] authorize_url is not set",
        ),
        (
            "generic-oauth",
            "",
            &id[..],
            "[OAuthenticator] token_url is not set",
        ),
        (
            "generic-oauth",
            "",
            &id[..],
            "[OAuthenticator] userdata_url is not set",
        ),
        (
            "github",
            "[OAuthenticator]\nuserdata_url = \"https://a\"\nuserdata_from_id_token = true\n",
            &id[..],
            "exclude each other",
        ),
        (
            "github",
            "[OAuthenticator]\nscope = [\"a\"]\nallowed_scopes = [\"b\"]\n",
            &id[..],
            "allowed_scopes holds a scope that is not asked for",
        ),
        (
            "github",
            "[OAuthenticator]\nadmin_groups = [\"a\"]\n",
            &id[..],
            "admin_groups needs [Authenticator] manage_groups = true",
        ),
        (
            "gitlab",
            "[Authenticator]\nmanage_groups = true\n",
            &id[..],
            "manage_groups needs [OAuthenticator] auth_state_groups_key",
        ),
        (
            "github",
            "[GitHubOAuthenticator]\npopulate_teams_in_auth_state = true\n",
            &id[..],
            "needs [OAuthenticator] scope = [\"read:org\"]",
        ),
        (
            "github",
            "[GitHubOAuthenticator]\nallowed_organizations = [\"a:b:c\"]\n",
            &id[..],
            "holds \"a:b:c\"",
        ),
        (
            "google",
            "[GoogleOAuthenticator]\nallowed_google_groups = { \"a.example\" = [\"b\"] }\n",
            &id[..],
            "cannot be set here: Google tells groups to service accounts only",
        ),
        (
            "github",
            "",
            &[("OAUTH_CLIENT_ID", "hub"), ("GITHUB_URL", "ftp://x")][..],
            "must begin with http:// or https://",
        ),
    ] {
        let found = problems(class, more, env);
        assert!(found.contains(expected), "{class} {more}: {found}");
    }
}

#[test]
fn what_is_said_of_it() {
    let env = [("OAUTH_CLIENT_ID", "hub")];
    let text = "[JupyterHub]
authenticator_class = \"github\"
[GitHubOAuthenticator]
github_url = \"http://code.example.org\"
validate_server_cert = false
";
    let loaded = load(text, &env).unwrap();
    let said: Vec<&str> = loaded
        .warnings
        .iter()
        .map(|warning| warning.message.as_str())
        .collect();
    for part in [
        "client_secret is not set",
        "validate_server_cert = false lets anybody",
        "in clear; use https",
        "nobody can log in",
    ] {
        assert!(
            said.iter().any(|line| line.contains(part)),
            "{part}: {said:#?}"
        );
    }
}

#[test]
fn whoever_a_rule_on_the_provider_allows_can_log_in() {
    let env = [("OAUTH_CLIENT_ID", "hub")];
    for (class, more) in [
        (
            "github",
            "[GitHubOAuthenticator]\nallowed_organizations = [\"lab\"]\n",
        ),
        (
            "gitlab",
            "[GitLabOAuthenticator]\nallowed_project_ids = [7]\n",
        ),
        (
            "gitlab",
            "[GitLabOAuthenticator]\nallowed_gitlab_groups = [\"a/b\"]\n",
        ),
        (
            "google",
            "[GoogleOAuthenticator]\nscope = [\"a\"]\nallowed_scopes = [\"a\"]\n",
        ),
        (
            "local-github",
            "[Authenticator]\nmanage_groups = true\n[OAuthenticator]\nauth_state_groups_key = \"x\"\nallowed_groups = [\"a\"]\n",
        ),
        (
            "local-google",
            "[LocalAuthenticator]\nallowed_groups = [\"staff\"]\n",
        ),
    ] {
        assert!(
            config(class, more, &env).any_allow_config(),
            "{class} {more}"
        );
    }
    assert!(!config("github", "", &env).any_allow_config());
    // Who was here before is not let in again by that alone, as with other authenticators.
    let named = config(
        "github",
        "[Authenticator]\nallowed_users = [\"mal\"]\n",
        &env,
    );
    assert!(!named.allow_existing_users() && named.any_allow_config());
}

type List = fn(&Config) -> &BTreeSet<String>;

const ORGANIZATIONS: List = |config| &config.github.allowed_organizations;
const GROUPS: List = |config| &config.gitlab.allowed_gitlab_groups;
const PROJECTS: List = |config| &config.gitlab.allowed_project_ids;
const OF_SYSTEM: List = |config| &config.local_users.allowed_groups;
const USERS: List = |config| &config.authenticator.allowed_users;

/// Lists under old names: the class that is used, the section and the name; and where the list belongs.
const OLD_LISTS: &[(&str, List)] = &[
    (
        "github GitHubOAuthenticator github_organization_whitelist",
        ORGANIZATIONS,
    ),
    (
        "local-github LocalGitHubOAuthenticator github_organization_whitelist",
        ORGANIZATIONS,
    ),
    ("gitlab GitLabOAuthenticator gitlab_group_whitelist", GROUPS),
    (
        "gitlab GitLabOAuthenticator gitlab_project_id_whitelist",
        PROJECTS,
    ),
    ("pam LocalAuthenticator group_whitelist", OF_SYSTEM),
    ("pam PAMAuthenticator group_whitelist", OF_SYSTEM),
    ("local-google LocalAuthenticator group_whitelist", OF_SYSTEM),
    ("github Authenticator whitelist", USERS),
    ("github GitHubOAuthenticator whitelist", USERS),
    ("pam PAMAuthenticator whitelist", USERS),
];

/// Security case 118 (CVE-2020-26250: lists under their old names were passed over, and everybody came in): such a list is a
/// list all the same, and an empty one allows nobody.
#[test]
fn case_118_lists_under_old_names_restrict() {
    let env = [("OAUTH_CLIENT_ID", "hub")];
    for (case, list) in OLD_LISTS {
        let [class, section, name] = case.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{case}")
        };
        let written = |items: &str| format!("[{section}]\n{name} = [{items}]\n");
        let one = config(class, &written("'42'"), &env);
        assert_eq!(*list(&one), BTreeSet::from(["42".to_owned()]), "{case}");
        assert!(one.any_allow_config() && !one.allow_all(), "{case}");
        let none = config(class, &written(""), &env);
        let anybody = none.any_allow_config() || none.allow_all() || none.allow_existing_users();
        assert!(!anybody, "{case}, empty");
    }
    // One that cannot be followed is not passed over.
    let google = "[GoogleOAuthenticator]\ngoogle_group_whitelist = { 'a.example' = ['b'] }\n";
    let found = problems("google", google, &env);
    assert!(
        found.contains("google_group_whitelist cannot be set here"),
        "{found}"
    );
}
