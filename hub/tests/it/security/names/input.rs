//! Cases 61, 63, 64: names as commands and files, bodies, and arguments of queries.

use super::*;
use crate::scene::{Scene, TestProxy, eventually, may_start, record};

#[tokio::test]
async fn case_61_names_as_commands_and_files() {
    use hub::domain::server::ServerRef;
    let mut scene = Scene::new("");
    scene.config.spawner.args = vec!["--user={username}".into()];
    let homes = scene.dir.path().join("homes");
    scene.config.simple_spawner.home_dir_template = homes.join("{username}").display().to_string();
    let proxy = TestProxy::start().await;
    let clock = std::sync::Arc::new(hub_types::clock::SystemClock);
    let manager = scene.hub("one", &proxy.client(), clock).await;
    for name in [
        "-rf",
        "--help",
        "$(id)",
        "`id`",
        "a;id",
        "a b",
        "a|b",
        "{username}",
        "'\"",
        "*",
    ] {
        let tx = manager.db.write().await.unwrap();
        hub::db::users::insert(
            &tx,
            &Username::new(name).unwrap(),
            false,
            chrono::DateTime::UNIX_EPOCH,
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let at = ServerRef::new(Username::stored(name), ServerName::default_server());
        manager
            .start(
                may_start(at.clone()),
                hub::spawner::manager::StartRequest::default(),
                std::time::Duration::from_secs(30),
            )
            .await
            .unwrap();
        let row = hub::db::servers::find(manager.db.read(), &at)
            .await
            .unwrap()
            .unwrap();
        let pid = record(&row).pid;
        let argv = eventually("the launcher has become the program", || async move {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let argv: Vec<String> = line
                .split(|byte| *byte == 0)
                .map(|part| String::from_utf8_lossy(part).into_owned())
                .collect();
            argv.iter()
                .any(|part| part.ends_with("server.py"))
                .then_some(argv)
        })
        .await;
        assert!(
            argv.contains(&format!("--user={name}")),
            "one argument, as it is: {argv:?}"
        );
        assert!(homes.join(name).is_dir(), "{name}");
    }
    // Names that would lead elsewhere are no names.
    for name in ["../../etc", "..", ".", "a/b", "/etc"] {
        assert!(Username::new(name).is_err(), "{name}");
    }
    let made: BTreeSet<String> = std::fs::read_dir(scene.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let known = [
        "homes",
        "hub.sqlite",
        "hub.sqlite-shm",
        "hub.sqlite-wal",
        "logs",
        "server.py",
        "starts",
    ];
    assert!(
        made.iter().all(|name| known.contains(&name.as_str())),
        "files elsewhere: {made:?}"
    );
}

/// Every call that takes a body.
const WITH_BODY: &[(&str, &str)] = &[
    ("POST", "/users"),
    ("POST", "/users/eve"),
    ("PATCH", "/users/alice"),
    ("POST", "/users/alice/activity"),
    ("POST", "/users/alice/tokens"),
    ("POST", "/users/alice/server"),
    ("POST", "/users/alice/servers/gpu"),
    ("PUT", "/users/alice/servers/gpu"),
    ("PATCH", "/users/alice/server"),
    ("DELETE", "/users/alice/server"),
    ("POST", "/groups"),
    ("POST", "/groups/eves"),
    ("POST", "/groups/lab/users"),
    ("DELETE", "/groups/lab/users"),
    ("PUT", "/groups/lab/properties"),
    ("POST", "/services/eve"),
    ("PATCH", "/proxy"),
    ("POST", "/shutdown"),
    ("POST", "/shares/alice/"),
    ("POST", "/share-codes/alice/"),
];

#[tokio::test]
async fn case_63_json_that_two_readers_read_differently() {
    let hub = Watched::start().await;
    let root = admin(&hub).await;
    let deep = |open: &str, close: &str| {
        format!("{}1{}", open.repeat(10_000), close.repeat(10_000)).into_bytes()
    };
    let bodies: Vec<Vec<u8>> = vec![
        deep("[", "]"),
        deep("{\"a\":", "}"),
        format!("{{\"x\": {}1{}}}", "[".repeat(200), "]".repeat(200)).into_bytes(),
        br#"{"admin": false, "admin": true}"#.to_vec(),
        br#"{"name": "a", "n\u0061me": "b"}"#.to_vec(),
        br#"{"user_options": {"a": 1, "a": 2}}"#.to_vec(),
        br#"{"expires_in": NaN}"#.to_vec(),
        br#"{"expires_in": -Infinity}"#.to_vec(),
        br#"{"name": "\ud800"}"#.to_vec(),
        br#"{"name": "\udc00\ud800"}"#.to_vec(),
        b"{\"name\": \"\xff\xfe\"}".to_vec(),
        b"{\"name\": \"\xed\xa0\x80\"}".to_vec(),
        b"{\"name\": \"\xc0\x80\"}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"\xff\xfe{\x00}\x00".to_vec(),
        br"{'name': 'a'}".to_vec(),
        br#"{"name": "a",}"#.to_vec(),
        br#"{"name": "a"} {}"#.to_vec(),
        b"{".to_vec(),
        b"\0".to_vec(),
    ];
    let before = database(&hub).await;
    for (method, path) in WITH_BODY {
        let path = format!("/hub/api{path}");
        for body in &bodies {
            let reply = hub.call(&root, method, &path).bytes(body).send().await;
            let status = reply.status.as_u16();
            assert!(
                [400, 404, 405].contains(&status),
                "{method} {path} {:.60}: {reply:?}",
                String::from_utf8_lossy(body)
            );
        }
        let large = format!("{{\"x\": \"{}\"}}", "x".repeat(10 << 20));
        let reply = hub
            .call(&root, method, &path)
            .bytes(large.as_bytes())
            .send()
            .await;
        assert!(
            [413, 404, 405].contains(&reply.status.as_u16()),
            "{method} {path}: {reply:?}"
        );
    }
    assert_eq!(database(&hub).await, before);
    assert!(!hub.state.shutdown.is_cancelled());
    // Keys that JupyterHub's own storage gives a meaning are keys like others here.
    let odd = json!({"user_options": {"__jupyterhub_bytes__": true, "data": "eA=="}});
    hub.call(&root, "PUT", "/hub/api/users/alice/servers/gpu")
        .json(&odd)
        .send()
        .await
        .expect(201);
    let path = "/hub/api/users/alice?include_stopped_servers=1";
    let model = hub.call(&root, "GET", path).send().await.expect(200).json();
    assert_eq!(model["servers"]["gpu"]["user_options"], odd["user_options"]);
    hub.is_well().await;
}

#[tokio::test]
async fn case_64_sql_in_arguments() {
    let hub = Watched::start().await;
    let root = admin(&hub).await;
    for name in ["a_b", "axb", "100%", "o'neil", "back\\slash"] {
        assert_eq!(create(&hub, &root, name).await, 201);
    }
    let before = database(&hub).await;
    let all = hub
        .call(&root, "GET", "/hub/api/users")
        .send()
        .await
        .expect(200)
        .json()
        .as_array()
        .unwrap()
        .len();
    let sql = [
        "' OR 1=1 --",
        "'; DROP TABLE users; --",
        "\" OR \"\"=\"",
        "1) OR (1=1",
        "%",
        "_",
        "%%",
        "\\",
        "\\%",
        "[a-z]",
        "*",
        "x' UNION SELECT 1 --",
        "\0",
        "NULL",
        "-1",
        "1e3",
        "0x10",
        "99999999999999999999",
        "9223372036854775807",
        "1;2",
        "\u{ff07}",
    ];
    let encoded =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    for list in [
        "/users",
        "/groups",
        "/services",
        "/proxy",
        "/shares/alice",
        "/users/alice/shared",
        "/groups/lab/shared",
    ] {
        for argument in [
            "name_filter",
            "state",
            "sort",
            "limit",
            "offset",
            "include_stopped_servers",
            "id",
            "name",
        ] {
            for text in sql {
                let path = format!("/hub/api{list}?{argument}={}", encoded(text));
                let reply = hub.call(&root, "GET", &path).send().await;
                assert!(
                    [200, 400, 404].contains(&reply.status.as_u16()),
                    "{path}: {reply:?}"
                );
                if matches!((argument, text), ("limit" | "offset", "-1")) && list == "/users" {
                    assert_eq!(reply.status, 400, "{path}");
                }
            }
        }
    }
    assert_eq!(database(&hub).await, before);
    // What LIKE takes for wildcards is text.
    for (filter, found) in [
        ("%", vec!["100%"]),
        ("_", vec!["a_b"]),
        ("a_b", vec!["a_b"]),
        ("'", vec!["o'neil"]),
        ("\\", vec!["back\\slash"]),
        ("' OR 1=1 --", vec![]),
        ("O'N", vec!["o'neil"]),
    ] {
        let path = format!("/hub/api/users?name_filter={}", encoded(filter));
        let list = hub
            .call(&root, "GET", &path)
            .send()
            .await
            .expect(200)
            .json();
        let names: Vec<&str> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, found, "{filter}");
    }
    // No page is larger than the configured one, whatever is asked.
    let list = hub
        .call(&root, "GET", "/hub/api/users?limit=1000000")
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(list.as_array().map(Vec::len), Some(all));
    let small = Watched::with(|config| config.jupyterhub.api_page_max_limit = 2).await;
    let root = admin(&small).await;
    for limit in ["", "?limit=3", "?limit=1000000"] {
        let list: Value = small
            .call(&root, "GET", &format!("/hub/api/users{limit}"))
            .send()
            .await
            .expect(200)
            .json();
        assert_eq!(list.as_array().map(Vec::len), Some(2), "{limit}");
    }
    hub.is_well().await;
}
