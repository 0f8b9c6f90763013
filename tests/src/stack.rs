//! A whole deployment: hub, proxy, servers and services, started as an administrator would.

mod config;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use hub_types::env::{EnvSource as _, ProcessEnv};
use hub_types::secret::Token;
use nix::sys::signal::Signal;
use regex::Regex;

use crate::{
    Api, Browser, Client, Exit, Process, Sandbox, Visitor, eventually, eventually_some, peers,
    ports, programs,
};

/// Longest wait for a hub to say that it is running. The Python one imports a lot.
const START: Duration = Duration::from_secs(180);

/// Longest wait for a hub that was asked to stop; it stops servers, services and the proxy first.
const STOP: Duration = Duration::from_secs(60);

/// Name of the service whose token [`Stack::api`] uses: an administrator.
pub(crate) const ADMIN_SERVICE: &str = "e2e";

/// A running deployment in a sandbox of its own.
#[derive(Debug)]
pub struct Stack {
    hub: Process,
    sandbox: Sandbox,
    program: Program,
    wrapper: Vec<String>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    url: String,
    base: String,
    hosts: Option<Hosts>,
    admin_token: String,
}

/// A host that every user has one below: all of them are at one address.
#[derive(Debug, Clone, Copy)]
struct Hosts {
    ip: Ipv4Addr,
    port: u16,
}

/// What a deployment is made of, before it is started.
#[derive(Debug)]
pub struct StackBuilder {
    program: Program,
    base: String,
    hosts: Option<Hosts>,
    config: toml::Table,
    args: Vec<String>,
    env: Vec<(String, String)>,
    python_on_path: bool,
    python_config: bool,
    programs: Vec<(String, String)>,
    links: Vec<(String, String)>,
    wrapper: Vec<String>,
}

/// Which hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// `hub` of this workspace.
    Ours,
    /// The Python JupyterHub of `target/peers`, with configurable-http-proxy.
    Python,
}

impl Default for StackBuilder {
    fn default() -> Self {
        let program = match ProcessEnv.get("E2E_HUB").as_deref() {
            None | Some("ours") => Program::Ours,
            Some("python") => Program::Python,
            Some(other) => panic!("E2E_HUB is 'ours' or 'python', not {other:?}"),
        };
        Self {
            program,
            base: "/".to_owned(),
            hosts: None,
            config: toml::Table::new(),
            args: Vec::new(),
            env: Vec::new(),
            python_on_path: true,
            python_config: false,
            programs: Vec::new(),
            links: Vec::new(),
            wrapper: Vec::new(),
        }
    }
}

impl StackBuilder {
    /// Adds configuration in the form of `hub.toml`. Tables are merged, lists are appended, other values replaced.
    ///
    /// # Panics
    /// When it is not TOML.
    #[must_use]
    pub fn config(mut self, text: &str) -> Self {
        let table = text.parse().unwrap_or_else(|error| panic!("{error}"));
        config::merge(&mut self.config, table);
        self
    }

    /// Puts the deployment below a path, for example `/hub-a/`.
    #[must_use]
    pub fn base_url(mut self, base: &str) -> Self {
        base.clone_into(&mut self.base);
        self
    }

    /// Puts the hub on the host `hub.test` and every user and service on one below it.
    #[must_use]
    pub fn subdomains(mut self) -> Self {
        self.hosts = Some(Hosts {
            ip: ports::own_address(),
            port: ports::free(),
        });
        self
    }

    /// Adds command-line arguments of the hub.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    /// Puts a script into the hub's working folder.
    #[must_use]
    pub fn program(mut self, name: &str, text: &str) -> Self {
        self.programs.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Puts a symbolic link into the hub's working folder.
    #[must_use]
    pub fn link(mut self, name: &str, target: &str) -> Self {
        self.links.push((name.to_owned(), target.to_owned()));
        self
    }

    /// Starts our hub through a command that ends by becoming its last arguments: `["sh", "-c", "…; exec \"$@\"", "sh"]`.
    #[must_use]
    pub fn wrapped(mut self, command: &[&str]) -> Self {
        self.wrapper = command.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Adds a variable to the hub's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves the Python peers off the `PATH`: a machine without JupyterHub's packages.
    #[must_use]
    pub fn without_python(mut self) -> Self {
        self.python_on_path = false;
        self
    }

    /// Writes the configuration as a `jupyterhub_config.py` for our hub, too.
    #[must_use]
    pub fn python_config(mut self) -> Self {
        self.python_config = true;
        self
    }

    /// Starts the real Python JupyterHub with configurable-http-proxy instead of our hub.
    #[must_use]
    pub fn python_hub(mut self) -> Self {
        self.program = Program::Python;
        self
    }

    /// Starts the hub and waits until it says where it is.
    ///
    /// # Panics
    /// When it ends or does not say so in time.
    pub async fn start(self) -> Stack {
        let mut stack = self.launch();
        stack.await_url().await;
        stack
    }

    /// Starts a hub that is expected to refuse, and waits for its end.
    ///
    /// # Panics
    /// When it keeps running.
    pub async fn start_refused(self) -> (Exit, Sandbox) {
        let mut stack = self.launch();
        let exit = stack.hub.wait(START).await;
        (exit, stack.sandbox)
    }

    /// Writes the configuration and starts the hub, waiting for nothing.
    fn launch(self) -> Stack {
        let sandbox = Sandbox::new(self.python_on_path);
        let admin_token = Token::generate().expose().to_owned();
        let setting = config::Setting {
            program: self.program,
            base: &self.base,
            home: &sandbox.home(),
            admin_token: &admin_token,
        };
        let mut config = setting.defaults();
        if let Some(Hosts { ip, port }) = self.hosts {
            let own = format!(
                "[JupyterHub]\nbind_url = 'http://{ip}:{port}{}'\nsubdomain_host = 'http://hub.test:{port}'",
                self.base
            );
            config::merge(&mut config, own.parse().expect("TOML"));
        }
        config::merge(&mut config, self.config);
        match self.program {
            Program::Ours if !self.python_config => sandbox.write("hub.toml", config.to_string()),
            Program::Ours | Program::Python => {
                sandbox.write("jupyterhub_config.py", config::python(&config))
            }
        };
        for (name, text) in &self.programs {
            sandbox.write_program(name, text);
        }
        for (name, target) in &self.links {
            let link = sandbox.data().join(name);
            std::os::unix::fs::symlink(target, link).expect("a new link");
        }
        let hub = start_hub(&sandbox, self.program, &self.wrapper, &self.args, &self.env);
        Stack {
            hub,
            sandbox,
            program: self.program,
            wrapper: self.wrapper,
            args: self.args,
            env: self.env,
            url: String::new(),
            base: self.base,
            hosts: self.hosts,
            admin_token,
        }
    }
}

fn start_hub(
    sandbox: &Sandbox,
    program: Program,
    wrapper: &[String],
    args: &[String],
    env: &[(String, String)],
) -> Process {
    let mut command: Command = match program {
        Program::Ours => match wrapper.split_first() {
            None => sandbox.command(programs::path("hub")),
            Some((first, rest)) => {
                let mut command = sandbox.command(first);
                command.args(rest).arg(programs::path("hub"));
                command
            }
        },
        Program::Python => {
            let mut command = sandbox.command(peers::python("jupyterhub"));
            command.args(["-f", "jupyterhub_config.py"]);
            command
        }
    };
    command
        .args(args)
        .envs(env.iter().map(|(name, value)| (name, value)));
    sandbox.start("hub", command)
}

impl Stack {
    /// A deployment of our hub (of the Python one with `E2E_HUB=python`, to see what a test says there): test login (any password), servers without system users, `mal` and `zoe` ordinary
    /// users, `admin` an administrator, the real `jupyterhub-singleuser`.
    #[must_use]
    pub fn builder() -> StackBuilder {
        StackBuilder::default()
    }

    async fn await_url(&mut self) {
        let before = self.url.clone();
        let running =
            Regex::new(r#"JupyterHub is now running at (https?://[^\s"]+)"#).expect("a pattern");
        let hub = &mut self.hub;
        // The log of an earlier run of the same sandbox is in front.
        let seen = before.is_empty();
        let url = eventually_some(START, "the hub says that it is running", async || {
            let output = hub.output();
            if let Some(status) = hub.try_wait() {
                panic!("the hub ended ({status}) instead of running:\n{output}");
            }
            let output = if seen {
                output.as_str()
            } else {
                after_marker(&output)
            };
            Some(running.captures_iter(output).last()?[1].to_owned())
        })
        .await;
        assert!(
            url.ends_with(&self.base),
            "{url} is not below {}",
            self.base
        );
        let host = if url.contains("//:") {
            url.replace("//:", "//127.0.0.1:")
        } else {
            url
        };
        self.url = host;
    }

    /// Public URL with the base path, as the hub printed it: `http://127.0.0.1:41231/hub-a/`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The base path: `/` or `/hub-a/`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A client without credentials.
    #[must_use]
    pub fn client(&self) -> Client {
        match self.hosts {
            Some(hosts) => Client::at(hosts.ip, &self.url),
            None => Client::new(&self.url),
        }
    }

    /// A real browser that finds the deployment.
    pub async fn browser(&self) -> Browser {
        let rules = self.hosts.map(|Hosts { ip, .. }| {
            format!("--host-resolver-rules=MAP hub.test {ip}, MAP *.hub.test {ip}")
        });
        Browser::start_with(rules.as_slice()).await
    }

    /// Whether every user has a host.
    #[must_use]
    pub fn has_subdomains(&self) -> bool {
        self.hosts.is_some()
    }

    /// `http://HOST.hub.test:PORT` with the base path, where users have hosts.
    ///
    /// # Panics
    /// When they have none.
    #[must_use]
    pub fn host_url(&self, host: &str) -> String {
        let port = self.hosts.expect("a deployment with subdomains").port;
        format!("http://{host}.hub.test:{port}{}", self.base)
    }

    /// A new visitor who is not logged in.
    #[must_use]
    pub fn visitor(&self) -> Visitor {
        Visitor::new(self.client(), &self.base)
    }

    /// The REST API with an administrator's token.
    #[must_use]
    pub fn api(&self) -> Api {
        Api::new(
            self.client(),
            &format!("{}hub/api", self.base),
            &self.admin_token,
        )
    }

    /// Path of a user's default server.
    #[must_use]
    pub fn server_path(&self, user: &str) -> String {
        format!("{}user/{user}/", self.base)
    }

    /// Waits until a managed service answers: it starts beside the hub, which does not wait for it.
    pub async fn service_is_up(&self, name: &str) {
        let client = self.client();
        let path = format!("services/{name}/");
        let what = format!("the service {name} answers");
        eventually(START, &what, async || client.get(&path).await.status < 500).await;
    }

    /// Where it runs.
    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The hub's process.
    #[must_use]
    pub fn hub(&self) -> &Process {
        &self.hub
    }

    /// The hub's own log so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.hub.output()
    }

    /// Path of a file in the hub's working folder.
    #[must_use]
    pub fn data(&self, name: &str) -> PathBuf {
        self.sandbox.data().join(name)
    }

    /// Kills the hub's process alone, as `kill -9` does, and waits for its end.
    pub async fn kill_hub(&mut self) {
        self.hub.signal(Signal::SIGKILL);
        self.hub.wait(STOP).await;
    }

    /// Asks the hub to stop, as Ctrl-C does, and waits for its end.
    pub async fn stop_hub(&mut self) -> Exit {
        self.hub.signal(Signal::SIGINT);
        self.hub.wait(STOP).await
    }

    /// Waits for the end of a hub that ends by itself.
    pub async fn hub_ended(&mut self) -> Exit {
        self.hub.wait(STOP).await
    }

    /// Starts the hub again in the same folder, and waits until it runs.
    pub async fn restart_hub(&mut self) {
        self.restart_hub_with(&[]).await;
    }

    /// Starts the hub again with more arguments.
    pub async fn restart_hub_with(&mut self, args: &[&str]) {
        self.launch_again(args, &[]);
        self.await_url().await;
    }

    /// Starts the hub again with more variables in its environment; the next restart does without them.
    pub async fn restart_hub_in(&mut self, env: &[(&str, &str)]) {
        self.launch_again(&[], env);
        self.await_url().await;
    }

    /// Starts the hub again and waits for nothing: the next call may kill it while it comes up.
    pub fn launch_hub_again(&mut self) {
        self.launch_again(&[], &[]);
    }

    fn launch_again(&mut self, args: &[&str], env: &[(&str, &str)]) {
        let mut all = self.args.clone();
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        let log = self.sandbox.dir().join("logs/hub.log");
        let mut text = self.hub.output();
        text.push_str(RESTARTED);
        std::fs::write(log, text).expect("the log is writable");
        let more = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let env: Vec<_> = self.env.iter().cloned().chain(more).collect();
        self.hub = start_hub(&self.sandbox, self.program, &self.wrapper, &all, &env);
    }
}

/// Line in the log between two runs.
const RESTARTED: &str = "\n---- started again ----\n";

fn after_marker(output: &str) -> &str {
    output.rsplit(RESTARTED).next().unwrap_or_default()
}

/// Ports for a hub that cannot choose its own.
pub(crate) fn fixed_ports() -> [u16; 3] {
    [ports::free(), ports::free(), ports::free()]
}
