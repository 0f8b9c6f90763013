//! The whole environment, compared with what JupyterHub 6.1.1 was seen to write.

use hub_types::names::{ServerName, ServiceName, Username};

use super::*;

fn map(lines: &str) -> Env {
    lines
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

fn hub(base: &str) -> HubAddress {
    let base = BaseUrl::new(base);
    HubAddress::local(format!("http://127.0.0.1:8081{}", base.api()), base)
}

fn server(user: &str, server: &str) -> ServerContract {
    let listen = Listen {
        ip: "127.0.0.1".into(),
        port: 55281,
        tls: false,
    };
    let token = Token::from_config("c2c3");
    ServerContract::new(
        token,
        Username::stored(user),
        ServerName::stored(server),
        listen,
    )
}

fn service(name: &str, url: Option<&str>) -> ServiceContract {
    ServiceContract {
        token: Token::from_config("3576"),
        name: ServiceName::stored(name),
        client_id: format!("service-{name}"),
        url: url.map(str::to_owned),
        subdomain: None,
        kept: Env::new(),
        environment: Env::new(),
        account: None,
    }
}

#[test]
fn default_server() {
    let expected = map(r#"
        JUPYTERHUB_API_TOKEN=c2c3
        JPY_API_TOKEN=c2c3
        JUPYTERHUB_CLIENT_ID=jupyterhub-user-alice
        JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED=0
        JUPYTERHUB_HOST=
        JUPYTERHUB_OAUTH_CALLBACK_URL=/user/alice/oauth_callback
        JUPYTERHUB_OAUTH_ACCESS_SCOPES=["access:servers!server=alice/", "access:servers!user=alice"]
        JUPYTERHUB_OAUTH_SCOPES=["access:servers!server=alice/", "access:servers!user=alice"]
        JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES=[]
        JUPYTERHUB_USER=alice
        JUPYTERHUB_SERVER_NAME=
        JUPYTERHUB_API_URL=http://127.0.0.1:8081/hub/api
        JUPYTERHUB_ACTIVITY_URL=http://127.0.0.1:8081/hub/api/users/alice/activity
        JUPYTERHUB_BASE_URL=/
        JUPYTERHUB_SERVICE_PREFIX=/user/alice/
        JUPYTERHUB_SERVICE_URL=http://127.0.0.1:55281/user/alice/
        JUPYTERHUB_PUBLIC_URL=
        JUPYTERHUB_PUBLIC_HUB_URL=
    "#);
    assert_eq!(server("alice", "").to_env(&hub("/")), expected);
}

#[test]
fn named_server_with_everything() {
    let mut contract = server("a@b c", "gpu");
    contract.listen = Listen {
        ip: "::1".into(),
        port: 1,
        tls: true,
    };
    contract.admin_access = true;
    contract
        .cookie_options
        .insert("samesite".into(), "Lax".into());
    contract.client_allowed_scopes = vec!["read:users!user".into(), "access:services".into()];
    contract.resources = Resources {
        mem_limit: Some(1 << 30),
        mem_guarantee: Some(0),
        cpu_limit: Some(2.0),
        cpu_guarantee: Some(0.5),
    };
    contract.tls_files = Some(TlsFiles {
        key: "/k".into(),
        cert: "/c".into(),
        ca: "/a".into(),
    });
    contract.notebook_dir = "~/nb/bob".into();
    contract.default_url = "/lab".into();
    contract.debug = true;
    contract.disable_user_config = true;
    contract.kept = map("LANG=C\nJUPYTERHUB_API_TOKEN=the hub's own\nHOME=/root");
    contract.environment = map("JUPYTERHUB_API_URL=http://elsewhere\nUSER=not this");
    contract.account = Some(Account {
        name: "bob".into(),
        home: "/home/bob".into(),
        shell: String::new(),
    });
    let mut hub = hub("/pfx/").with_public_url(&"https://hub.example/pfx/".parse().unwrap());
    hub.cookie_host_prefix = true;
    let scopes = r#"["access:servers!server=a@b c/gpu", "access:servers!user=a@b c"]"#;
    let mut expected = map(r#"
        LANG=C
        JUPYTERHUB_API_TOKEN=c2c3
        JPY_API_TOKEN=c2c3
        JUPYTERHUB_ADMIN_ACCESS=1
        JUPYTERHUB_CLIENT_ID=jupyterhub-user-a%40b%20c-gpu
        JUPYTERHUB_COOKIE_OPTIONS={"samesite": "Lax"}
        JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED=1
        JUPYTERHUB_HOST=https://hub.example
        JUPYTERHUB_OAUTH_CALLBACK_URL=/pfx/user/a@b%20c/gpu/oauth_callback
        JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES=["read:users!user", "access:services"]
        JUPYTERHUB_USER=a@b c
        JUPYTERHUB_SERVER_NAME=gpu
        JUPYTERHUB_API_URL=http://elsewhere
        JUPYTERHUB_ACTIVITY_URL=http://127.0.0.1:8081/pfx/hub/api/users/a@b%20c/activity
        JUPYTERHUB_BASE_URL=/pfx/
        JUPYTERHUB_SERVICE_PREFIX=/pfx/user/a@b%20c/gpu/
        JUPYTERHUB_SERVICE_URL=https://[::1]:1/pfx/user/a@b%20c/gpu/
        JUPYTERHUB_PUBLIC_URL=https://hub.example/pfx/user/a@b%20c/gpu/
        JUPYTERHUB_PUBLIC_HUB_URL=https://hub.example/pfx/hub/
        MEM_LIMIT=1073741824
        CPU_LIMIT=2.0
        CPU_GUARANTEE=0.5
        JUPYTERHUB_SSL_KEYFILE=/k
        JUPYTERHUB_SSL_CERTFILE=/c
        JUPYTERHUB_SSL_CLIENT_CA=/a
        JUPYTERHUB_ROOT_DIR=~/nb/bob
        JUPYTERHUB_DEFAULT_URL=/lab
        JUPYTERHUB_DEBUG=1
        JUPYTERHUB_DISABLE_USER_CONFIG=1
        USER=bob
        HOME=/home/bob
    "#);
    expected.insert(env::JUPYTERHUB_OAUTH_ACCESS_SCOPES.into(), scopes.into());
    expected.insert(env::JUPYTERHUB_OAUTH_SCOPES.into(), scopes.into());
    assert_eq!(contract.to_env(&hub), expected);
}

#[test]
fn web_service() {
    let expected = map(r#"
        JUPYTERHUB_API_TOKEN=3576
        JPY_API_TOKEN=3576
        JUPYTERHUB_API_URL=http://127.0.0.1:8081/hub/api
        JUPYTERHUB_BASE_URL=/
        JUPYTERHUB_CLIENT_ID=service-whoami
        JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED=0
        JUPYTERHUB_HOST=
        JUPYTERHUB_OAUTH_ACCESS_SCOPES=["access:services", "access:services!service=whoami"]
        JUPYTERHUB_OAUTH_SCOPES=["access:services", "access:services!service=whoami"]
        JUPYTERHUB_OAUTH_CALLBACK_URL=/services/whoami/oauth_callback
        JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES=[]
        JUPYTERHUB_PUBLIC_URL=
        JUPYTERHUB_PUBLIC_HUB_URL=
        JUPYTERHUB_SERVER_NAME=
        JUPYTERHUB_USER=
        JUPYTERHUB_SERVICE_NAME=whoami
        JUPYTERHUB_SERVICE_PREFIX=/services/whoami/
        JUPYTERHUB_SERVICE_URL=http://127.0.0.1:21101
    "#);
    assert_eq!(
        service("whoami", Some("http://127.0.0.1:21101")).to_env(&hub("/")),
        expected
    );
}

#[test]
fn service_without_a_web_address_gets_upstreams_junk() {
    let env = service("cull-idle", None).to_env(&hub("/"));
    assert_eq!(env[env::JUPYTERHUB_SERVICE_URL], "http://127.0.0.1:0/");
    assert_eq!(env[env::JUPYTERHUB_OAUTH_CALLBACK_URL], "oauth_callback");
    assert_eq!(env[env::JUPYTERHUB_PUBLIC_URL], "");
    assert!(!env.contains_key(env::JUPYTERHUB_SERVICE_PREFIX));
}

#[test]
fn service_environment_cannot_change_name_and_address() {
    let mut contract = service("x", Some("http://127.0.0.1:1"));
    contract.environment = map(
        "JUPYTERHUB_SERVICE_NAME=y\nJUPYTERHUB_SERVICE_PREFIX=/\nJUPYTERHUB_SERVICE_URL=z\nJUPYTERHUB_API_TOKEN=own",
    );
    contract.account = Some(Account {
        name: "www".into(),
        home: "/var/www".into(),
        shell: "/bin/sh".into(),
    });
    let hub = hub("/pfx").with_public_url(&"https://hub.example:8443/ignored".parse().unwrap());
    let env = contract.to_env(&hub);
    for (name, value) in [
        (env::JUPYTERHUB_SERVICE_NAME, "x"),
        (env::JUPYTERHUB_SERVICE_PREFIX, "/pfx/services/x/"),
        (env::JUPYTERHUB_SERVICE_URL, "http://127.0.0.1:1"),
        (env::JUPYTERHUB_API_TOKEN, "own"),
        (env::JUPYTERHUB_USER, "www"),
        (env::USER, "www"),
        (env::HOME, "/var/www"),
        (env::SHELL, "/bin/sh"),
        (env::JUPYTERHUB_HOST, "https://hub.example:8443"),
        (
            env::JUPYTERHUB_PUBLIC_URL,
            "https://hub.example:8443/pfx/services/x/",
        ),
        (
            env::JUPYTERHUB_PUBLIC_HUB_URL,
            "https://hub.example:8443/pfx/hub/",
        ),
    ] {
        assert_eq!(env[name], value, "{name}");
    }
}

#[test]
fn subdomains_make_full_urls() {
    let mut hub = hub("/");
    hub.host = Some("https://hub.example".into());
    let mut contract = server("alice", "");
    contract.subdomain = Some("https://alice.hub.example".into());
    let env = contract.to_env(&hub);
    assert_eq!(
        env[env::JUPYTERHUB_OAUTH_CALLBACK_URL],
        "https://alice.hub.example/user/alice/oauth_callback"
    );
    assert_eq!(
        env[env::JUPYTERHUB_PUBLIC_URL],
        "https://alice.hub.example/user/alice/"
    );
    assert_eq!(env[env::JUPYTERHUB_PUBLIC_HUB_URL], "");
}
