//! Pieces of configuration that several tests need.

use std::fmt::Display;

use e2e::{peers, ports, programs};

/// Lets every user reach every service, and keeps what users may do otherwise.
pub(crate) const USERS_MAY_OPEN_SERVICES: &str = r#"
    [[JupyterHub.load_roles]]
    name = "user"
    scopes = ["self", "access:services"]
"#;

/// A single-user server that starts quickly: kernels and terminals, no JupyterLab.
pub(crate) const LEAN_SERVER: &str = r#"
    [Spawner.environment]
    JUPYTERHUB_SINGLEUSER_LOAD_OTHER_EXTENSIONS = "0"
"#;

/// A server that runs and never answers, for `http_timeout` seconds. It does not take its port, so that is one of an address
/// where nobody else listens.
pub(crate) fn silent_server(http_timeout: u32) -> String {
    let ip = ports::own_address();
    format!(
        "[Spawner]\nip = '{ip}'\ncmd = ['sleep', '1000']\nargs = []\nhttp_timeout = {http_timeout}"
    )
}

/// A managed service with a web address of its own.
pub(crate) fn service(name: &str, command: &[impl Display]) -> String {
    let command: Vec<_> = command.iter().map(ToString::to_string).collect();
    let port = ports::free();
    format!(
        "[[JupyterHub.services]]\nname = {name:?}\nurl = 'http://127.0.0.1:{port}'\ncommand = {command:?}\n"
    )
}

/// Our bundled whoami as a managed service.
pub(crate) fn whoami() -> String {
    let hub = programs::path("hub").display().to_string();
    service("whoami", &[hub.as_str(), "whoami"])
}

/// The example of a service in a few lines, called `mine`.
pub(crate) fn example() -> String {
    service("mine", &[programs::path("example-whoami").display()])
}

/// One of upstream's example services, run by the Python that has JupyterHub installed.
pub(crate) fn upstream_whoami(name: &str, script: &str) -> String {
    let script = peers::sdist().join("examples/service-whoami").join(script);
    service(
        name,
        &[
            peers::python("python").display().to_string(),
            script.display().to_string(),
        ],
    )
}

/// A culler as a managed service, with the rights that upstream's documentation gives it.
pub(crate) fn culler(command: &[&str]) -> String {
    format!(
        "[[JupyterHub.services]]\nname = 'cull-idle'\ncommand = {command:?}\n\
         [[JupyterHub.load_roles]]\nname = 'cull-idle'\nservices = ['cull-idle']\n\
         scopes = ['list:users', 'read:users:activity', 'read:servers', 'delete:servers']\n"
    )
}
