//! Services: every mistake names file, line and key.

use super::*;

#[test]
fn mistakes() {
    let service = |rest: &str| format!("[[JupyterHub.services]]\nname = 'a'\n{rest}");
    let managed = |rest: &str| service(&format!("command = ['true']\n{rest}"));
    let announced = |path: &str| format!("{}[hub]\nannouncement_path = '{path}'", service(""));
    for (text, expected) in [
        (
            service("comand = ['true']"),
            "hub.toml:5: [JupyterHub] services service 'a': comand is not a setting; did you mean command?",
        ),
        (
            managed("environment = ['A=1']"),
            "hub.toml:6: [JupyterHub] services service 'a': environment must be a table, not a list",
        ),
        (
            format!("{}{}", service(""), service("")),
            "hub.toml:4: service \"a\": name: there are two services of this name",
        ),
        (
            "[[JupyterHub.services]]\nname = 'a b'".to_owned(),
            "hub.toml:4: service \"a b\": name: ",
        ),
        (
            service("url = 'http://127.0.0.1:0'"),
            "hub.toml:5: service \"a\": url: port 0 asks the hub to choose a port",
        ),
        (
            service("cwd = '/srv'"),
            "hub.toml:5: service \"a\": cwd: only means something with a command",
        ),
        (
            managed("timeout = 0"),
            "hub.toml:6: service \"a\": timeout: must be at least 1",
        ),
        (
            managed("oauth_client_id = 'a'"),
            "hub.toml:6: service \"a\": oauth_client_id: must start with 'service-'",
        ),
        (
            announced("latest"),
            "hub.toml:6: [hub] announcement_path must be a path below a service",
        ),
        (
            announced("/services/a/latest"),
            "hub.toml:6: [hub] announcement_path names the service \"a\", but there is none of that name with a url",
        ),
    ] {
        let said = problems(&format!("{DUMMY}{text}"));
        assert!(
            said.iter().any(|problem| problem.starts_with(expected)),
            "{text}: {said:?}"
        );
    }
    let fine = "[[JupyterHub.services]]\nname = 'a'\nurl = 'http://127.0.0.1:9'\n[hub]\nannouncement_path = '/services/a/latest'";
    assert_eq!(problems(&format!("{DUMMY}{fine}")), Vec::<String>::new());
}
