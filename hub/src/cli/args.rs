//! What clap reads, with the help that people see.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::load::{Flag, OwnClasses, Sources};
use crate::quickstart::Options;

const EXAMPLES: &str = "\
Examples:
  hub quickstart                       try it: one command, nothing else needed
  hub --generate-config                write ./hub.toml with every setting and its default
  hub                                  run with ./hub.toml
  hub -f /etc/hub.toml --port 80       run with another file, on another port
  hub --Spawner.default_url=/lab       any setting is a flag: --Class.name=VALUE
  hub check-config                     would it start, and is it safe?
  hub --show-config                    what is in force, and where it comes from
  hub token mal                        an API token for the user mal

Flags win over the file. --help-all lists every setting.";

const TOKEN_EXAMPLES: &str = "\
Examples:
  hub token mal
  curl -H \"Authorization: token $(hub token mal)\" http://127.0.0.1:8000/hub/api/user

Tokens with an expiry, a note or fewer scopes are made on the page Tokens, or with
POST /hub/api/users/NAME/tokens.";

const HASH_EXAMPLES: &str = "\
Examples:
  hub hash-password
  pwgen 16 1 | tee password | hub hash-password

In hub.toml:
  [JupyterHub]
  authenticator_class = \"dictionary\"
  [dictionary]
  users = { mal = \"$argon2id$...\" }
  [Authenticator]
  allow_all = true";

const CHECK_EXAMPLES: &str = "\
Examples:
  hub check-config
  hub check-config -f /etc/jupyterhub/jupyterhub_config.py
  hub check-config --Spawner.cmd=/opt/venv/bin/jupyterhub-singleuser";

const OPENAPI_EXAMPLES: &str = "\
Examples:
  hub openapi > openapi.json
  openapi-generator generate -g python -i openapi.json -o client";

/// A JupyterHub: users log in and get their own notebook servers.
///
/// Without a subcommand it runs the hub, with the proxy and the services that its configuration names. It reads
/// ./hub.toml, else ./jupyterhub_config.py, unless -f names another file.
#[derive(Debug, Parser)]
#[command(name = "hub", version, args_conflicts_with_subcommands = true, after_help = EXAMPLES,
          max_term_width = 100, disable_help_subcommand = true)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) serve: Serve,
    #[command(subcommand)]
    pub(super) command: Option<Sub>,
}

/// Flags of `hub` itself.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    pub(super) common: Common,

    /// Where the proxy listens, e.g. 127.0.0.1; empty means all interfaces.
    #[arg(long, value_name = "ADDRESS", allow_hyphen_values = true)]
    ip: Option<String>,

    /// Port of the proxy; 0 means any free one.
    #[arg(long, value_name = "PORT", allow_hyphen_values = true)]
    port: Option<String>,

    /// The same as one URL, with the base URL as its path: http://127.0.0.1:8000/jupyter/.
    #[arg(long, visible_alias = "url", value_name = "URL")]
    bind_url: Option<String>,

    /// Prefix of every URL, e.g. /jupyter/.
    #[arg(long, value_name = "PATH")]
    base_url: Option<String>,

    #[command(flatten)]
    tls: Tls,

    /// File to write the process id to.
    #[arg(long, value_name = "FILE")]
    pid_file: Option<String>,

    /// Bring the database of an older hub up to date first, after a copy of a SQLite file.
    #[arg(long)]
    upgrade_db: bool,

    /// Keep the database in memory: everything is forgotten when the hub stops.
    #[arg(long, conflicts_with = "db")]
    no_db: bool,

    /// Write a new configuration file (./hub.toml, or what -f names; -f - prints it), then exit.
    #[arg(long)]
    pub(super) generate_config: bool,

    /// With --generate-config: replace the file if there is one.
    #[arg(short = 'y', long = "yes")]
    pub(super) yes: bool,

    /// Print the configuration in force without its secrets, then exit.
    #[arg(long)]
    pub(super) show_config: bool,

    /// The same as JSON.
    #[arg(long)]
    pub(super) show_config_json: bool,

    /// Print every setting with its doc and default, then exit.
    #[arg(long)]
    pub(super) help_all: bool,

    /// Print the same as the Markdown page docs/reference/configuration.md, then exit.
    #[arg(long, hide = true)]
    pub(super) reference: bool,
}

impl Serve {
    /// The short flags as the traits for which they stand; the URL first, so that its parts refine it.
    pub(super) fn flags(&self) -> Vec<Flag> {
        let memory = self.no_db.then(|| "sqlite:///:memory:".to_owned());
        let upgrade = self.upgrade_db.then(|| "true".to_owned());
        address_flags(&self.bind_url, &self.ip, &self.port, &self.base_url)
            .into_iter()
            .chain(self.tls.flags())
            .chain(flag("pid_file", &self.pid_file, "--pid-file"))
            .chain(flag("db_url", &memory, "--no-db"))
            .chain(flag("upgrade_db", &upgrade, "--upgrade-db"))
            .collect()
    }
}

/// Flags about TLS. The hidden ones are JupyterHub's, too: what their traits say of them is said at the start.
#[derive(Debug, Args)]
struct Tls {
    /// Certificate of the public address: a PEM file, with the chain.
    #[arg(long, value_name = "FILE")]
    ssl_cert: Option<String>,

    /// Its key: a PEM file that is private to the hub's user.
    #[arg(long, value_name = "FILE")]
    ssl_key: Option<String>,

    /// Does nothing, as in JupyterHub.
    #[arg(long, hide = true)]
    no_ssl: bool,

    /// Make the certificates of internal TLS: not there yet.
    #[arg(long, hide = true)]
    generate_certs: bool,
}

impl Tls {
    fn flags(&self) -> impl Iterator<Item = Flag> {
        let no_ssl = self.no_ssl.then(|| "true".to_owned());
        let generate = self.generate_certs.then(|| "true".to_owned());
        [
            flag("ssl_cert", &self.ssl_cert, "--ssl-cert"),
            flag("ssl_key", &self.ssl_key, "--ssl-key"),
            flag("confirm_no_ssl", &no_ssl, "--no-ssl"),
            flag("generate_certs", &generate, "--generate-certs"),
        ]
        .into_iter()
        .flatten()
    }
}

fn flag(name: &str, value: &Option<String>, typed: &str) -> Option<Flag> {
    let value = value.as_ref()?;
    Some(Flag::new("JupyterHub", name, value.as_str(), typed))
}

fn address_flags(
    url: &Option<String>,
    ip: &Option<String>,
    port: &Option<String>,
    base: &Option<String>,
) -> Vec<Flag> {
    [
        flag("bind_url", url, "--bind-url"),
        flag("ip", ip, "--ip"),
        flag("port", port, "--port"),
        flag("base_url", base, "--base-url"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Flags that `hub`, `hub token` and `hub upgrade-db` share.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// The configuration file: .toml, .json in traitlets' form, or a jupyterhub_config.py. Default: ./hub.toml, else
    /// ./jupyterhub_config.py.
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// The database, e.g. sqlite:///jupyterhub.sqlite.
    #[arg(long, value_name = "URL")]
    db: Option<String>,

    #[command(flatten)]
    logging: Logging,
}

/// How much is logged.
#[derive(Debug, Args)]
struct Logging {
    /// How much is logged: DEBUG, INFO, WARNING, ERROR or CRITICAL.
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,

    /// Log everything: --log-level DEBUG.
    #[arg(long, conflicts_with = "log_level")]
    debug: bool,

    /// JupyterHub's; refused with what to write instead.
    #[arg(long, value_name = "FILE", hide = true)]
    log_file: Option<String>,
}

impl Logging {
    fn flags(&self) -> impl Iterator<Item = Flag> {
        let debug = self.debug.then(|| "DEBUG".to_owned());
        flag("log_level", &self.log_level, "--log-level")
            .into_iter()
            .chain(flag("log_level", &debug, "--debug"))
            .chain(flag("extra_log_file", &self.log_file, "--log-file"))
    }
}

impl Common {
    /// The file and all flags: those given here, then `flags`.
    pub(super) fn sources(self, flags: Vec<Flag>) -> Sources {
        let own = flag("db_url", &self.db, "--db")
            .into_iter()
            .chain(self.logging.flags());
        Sources {
            flags: own.chain(flags).collect(),
            file: self.config,
            ..Sources::default()
        }
    }
}

/// Subcommands.
#[derive(Debug, Subcommand)]
pub(super) enum Sub {
    /// Make an API token for a user and print it.
    ///
    /// Run it in the hub's folder: it reads ./hub.toml as the hub does, and a relative database path counts from the
    /// working folder. The token may do all that its user may. The hub need not run; a running one knows the token at
    /// once.
    #[command(after_help = TOKEN_EXAMPLES)]
    Token {
        /// The user, who must exist. Default: the system user who runs this.
        user: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Read the configuration as the hub does, look for the commands and files that it names, and say what is wrong.
    ///
    /// Nothing is started, made or changed. Exit code 0: the hub would start (warnings may be printed); 64: it would not.
    #[command(after_help = CHECK_EXAMPLES)]
    CheckConfig {
        #[command(flatten)]
        common: Common,
    },
    /// Bring the database of an older hub up to date; the hub must not run.
    ///
    /// Run it in the hub's folder, with the options of the hub. Of a SQLite file a copy is made first, named by the time,
    /// if there is anything to change. A database on a server is yours to copy (pg_dump, mariadb-dump): say so with --yes.
    UpgradeDb {
        /// There is a backup of the database on the server.
        #[arg(short = 'y', long)]
        yes: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Print the OpenAPI 3.1 document of the REST API, for generators of clients.
    ///
    /// A running hub serves the same as /hub/api/openapi.json, and as a page for people as /hub/api-docs.
    #[command(after_help = OPENAPI_EXAMPLES)]
    Openapi {
        /// Prefix of every URL, e.g. /jupyter/.
        #[arg(long, value_name = "PATH", default_value = "/")]
        base_url: String,
    },
    /// Try it: set up a folder with a configuration, then run the hub in it.
    ///
    /// The folder is made on the first run, with a hub.toml to edit, two passwords (printed once, kept in that file),
    /// and the services whoami and cull-idle. Later runs take the folder as it is.
    Quickstart(Quickstart),
    /// Run the proxy alone (speaks configurable-http-proxy's API).
    #[command(disable_help_flag = true)]
    Proxy(Raw),
    /// Stop servers that nobody uses; run it as a service of the hub.
    #[command(disable_help_flag = true)]
    CullIdle(Raw),
    /// A service that says who you are; run it as a service of the hub.
    ///
    /// It takes no options: the hub tells it what it needs in JUPYTERHUB_* variables. In hub.toml:
    ///
    ///   [[JupyterHub.services]]
    ///   name = "whoami"
    ///   url = "http://127.0.0.1:0"
    ///   command = ["hub", "whoami"]
    #[command(verbatim_doc_comment)]
    Whoami(Raw),
    /// Make the hash of a password, for the section [dictionary] of the configuration.
    ///
    /// The password is asked for, or read from standard input when that is no terminal: never from an argument, which
    /// others on this machine could see.
    #[command(after_help = HASH_EXAMPLES)]
    HashPassword,
    /// Put other web applications behind the hub's login, with nginx, Traefik or Caddy; run it as a service of the hub.
    #[command(disable_help_flag = true)]
    ForwardAuth(Raw),
    /// A small server for users, for machines without Jupyter.
    ///
    /// It takes no options: the hub tells it what it needs in JUPYTERHUB_* variables. In hub.toml:
    ///
    ///   [Spawner]
    ///   cmd = ["hub", "demo-server"]
    #[command(verbatim_doc_comment)]
    DemoServer(Raw),
    /// Wait for the hub's word, then become a command.
    #[command(hide = true, disable_help_flag = true)]
    Launch(Raw),
    /// Ask PAM one question, which comes on standard input.
    #[command(hide = true)]
    Pam,
}

/// Arguments that somebody else reads.
#[derive(Debug, Args)]
pub(super) struct Raw {
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGS"
    )]
    pub(super) args: Vec<OsString>,
}

/// Flags of `hub quickstart`.
#[derive(Debug, Args)]
pub(super) struct Quickstart {
    /// The folder.
    #[arg(long, value_name = "FOLDER", default_value = "hub-data")]
    data: PathBuf,

    /// Name of the administrator, on the first run. Default: the system user who runs this; admin when that is root.
    #[arg(long, value_name = "NAME")]
    admin: Option<String>,

    /// Where to listen.
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<String>,

    /// Port to listen on; 0 means any free one. Default: 8000, or the next free one.
    #[arg(long, value_name = "PORT")]
    port: Option<String>,

    /// The same as one URL.
    #[arg(long, visible_alias = "url", value_name = "URL")]
    bind_url: Option<String>,

    /// Prefix of every URL, e.g. /jupyter/.
    #[arg(long, value_name = "PATH")]
    base_url: Option<String>,

    #[command(flatten)]
    logging: Logging,
}

impl Quickstart {
    pub(super) fn options(self, flags: Vec<Flag>) -> Options {
        let address = address_flags(&self.bind_url, &self.ip, &self.port, &self.base_url);
        Options {
            folder: self.data,
            admin: self.admin,
            flags: address
                .into_iter()
                .chain(self.logging.flags())
                .chain(flags)
                .collect(),
            classes: OwnClasses::default(),
        }
    }
}
