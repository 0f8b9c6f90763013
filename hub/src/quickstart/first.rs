//! The first run: passwords, and the `hub.toml` that is left to be edited.

use hub_types::env::{EnvSource, PATH};
use hub_types::names::Username;
use hub_types::secret::{Token, random_bytes};
use services::process::resolve;

use super::QuickstartError;
use crate::config::SharedPasswordAuthenticator as Rules;
use crate::config::show::toml_text;

/// The single-user server of JupyterHub.
const SINGLEUSER: &str = "jupyterhub-singleuser";

/// Characters of passwords: none that looks like another. A power of two, so that every byte is used evenly.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Length of the users' password: 60 bits.
const USER_PASSWORD: usize = 12;
/// Length of the administrators' password.
const ADMIN_PASSWORD: usize = 32;
const _: () = assert!(
    USER_PASSWORD >= Rules::USER_PASSWORD_LEN && ADMIN_PASSWORD >= Rules::ADMIN_PASSWORD_LEN
);

/// What a first run depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Machine {
    /// The system user who runs this.
    pub(super) user: Option<String>,
    /// Whether that is root.
    pub(super) root: bool,
    /// Whether `jupyterhub-singleuser` is on the PATH.
    pub(super) singleuser: bool,
}

impl Machine {
    /// This machine.
    pub(super) fn this(env: &dyn EnvSource) -> Self {
        let uid = nix::unistd::geteuid();
        let user = nix::unistd::User::from_uid(uid).ok().flatten();
        Self {
            user: user.map(|user| user.name),
            root: uid.is_root(),
            singleuser: resolve(SINGLEUSER, env.get(PATH).as_deref()).is_ok(),
        }
    }
}

/// Who can log in after a first run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logins {
    /// An ordinary user; any other name works too.
    pub user: String,
    /// What all users log in with.
    pub user_password: Token,
    /// The administrator.
    pub admin: String,
    /// What the administrator logs in with.
    pub admin_password: Token,
}

/// Everything that a first run decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FirstRun {
    /// Who can log in.
    pub(super) logins: Logins,
    /// The command that is a user's server.
    pub(super) cmd: &'static [&'static str],
    /// Its arguments.
    pub(super) args: &'static [&'static str],
}

impl FirstRun {
    /// Decides names, passwords and the server.
    ///
    /// # Errors
    /// When the administrator cannot have that name.
    pub(super) fn new(admin: Option<&str>, machine: &Machine) -> Result<Self, QuickstartError> {
        let admin = admin_name(admin, machine)?;
        let user = if admin == "alice" { "bob" } else { "alice" };
        let (cmd, args): (&[_], &[_]) = match (machine.singleuser, machine.root) {
            (true, true) => (&[SINGLEUSER], &["--allow-root"]),
            (true, false) => (&[SINGLEUSER], &[]),
            (false, _) => (&["hub", "demo-server"], &[]),
        };
        Ok(Self {
            logins: Logins {
                user: user.to_owned(),
                user_password: password::<USER_PASSWORD>(),
                admin,
                admin_password: password::<ADMIN_PASSWORD>(),
            },
            cmd,
            args,
        })
    }

    /// The file for `hub.toml`.
    pub(super) fn hub_toml(&self) -> String {
        let logins = &self.logins;
        // Odd pieces are names: one pass, so that a value that looks like a name stays what it is.
        TEMPLATE
            .split('@')
            .map(|piece| match piece {
                "admin" => toml_text(&logins.admin.as_str().into()),
                "user_password" => toml_text(&logins.user_password.expose().into()),
                "admin_password" => toml_text(&logins.admin_password.expose().into()),
                "cmd" => toml_text(&self.cmd.into()),
                "args" => toml_text(&self.args.into()),
                text => text.to_owned(),
            })
            .collect()
    }
}

/// The name given, else the system user's, else `admin`. Names are lower case, as after a login.
fn admin_name(given: Option<&str>, machine: &Machine) -> Result<String, QuickstartError> {
    if let Some(name) = given {
        let name = name.trim().to_lowercase();
        return match Username::new(&name) {
            Ok(_) => Ok(name),
            Err(why) => Err(QuickstartError::Admin { name, why }),
        };
    }
    let own = machine.user.as_deref().map(str::to_lowercase);
    let usable = own.filter(|name| name != "root" && Username::new(name).is_ok());
    Ok(usable.unwrap_or_else(|| "admin".to_owned()))
}

/// `N` random characters.
fn password<const N: usize>() -> Token {
    let characters = random_bytes::<N>()
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]))
        .collect::<String>();
    Token::from_config(characters)
}

const TEMPLATE: &str = r#"# Made by `hub quickstart`, which reads this file and never writes it again: it is yours to edit.
# Every setting with its default: hub --generate-config -f -
# What is in force:               hub --show-config, in this folder

[JupyterHub]
# Where to listen. An empty host ("http://:8000") opens the hub to the network; put TLS in front of it then.
bind_url = "http://127.0.0.1:8000"
# Inside this machine, any free port will do.
hub_bind_url = "http://127.0.0.1:0"
# All servers run as the user who runs the hub: for yourself, and for people you trust.
# "local" runs each as the system user of the same name (the hub must be root then).
spawner_class = "simple"
authenticator_class = "shared-password"

[ConfigurableHTTPProxy]
api_url = "http://127.0.0.1:0"

[Authenticator]
# Everybody who knows the password may log in, under any name.
allow_all = true
# Administrators log in with admin_password.
admin_users = [@admin@]

[SharedPasswordAuthenticator]
user_password = @user_password@
admin_password = @admin_password@

[Spawner]
cmd = @cmd@
args = @args@

[SimpleLocalProcessSpawner]
home_dir_template = "homes/{username}"

# A service that says who you are, at /services/whoami/.
[[JupyterHub.services]]
name = "whoami"
url = "http://127.0.0.1:0"
command = ["hub", "whoami"]
oauth_no_confirm = true

# Stops servers that nobody has used for an hour.
[[JupyterHub.services]]
name = "cull-idle"
command = ["hub", "cull-idle", "--timeout=3600"]

# What every user may do: everything with their own things, and visit whoami.
[[JupyterHub.load_roles]]
name = "user"
scopes = ["self", "access:services!service=whoami"]

[[JupyterHub.load_roles]]
name = "cull-idle"
services = ["cull-idle"]
scopes = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
"#;
