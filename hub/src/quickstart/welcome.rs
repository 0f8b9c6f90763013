//! What a quickstart prints once the hub listens.

use std::fmt::Write as _;

use super::{Logins, Prepared};

impl Prepared {
    /// The URL, who can log in, and what to try next. `url` is where the hub in fact is, with a slash at the end.
    #[must_use]
    pub fn welcome(&self, url: &str) -> String {
        let mut out = format!("\n  The hub is ready: {url}\n\n");
        match &self.logins {
            Some(logins) => out.push_str(&passwords(logins, &self.file.display().to_string())),
            None => {
                let _ = writeln!(out, "  The passwords are in {}.", self.file.display());
            }
        }
        out.push('\n');
        out.push_str(&self.server());
        out.push_str(&next(url, &self.file.display().to_string()));
        out
    }

    /// Which server users get, and how to get a better one.
    fn server(&self) -> String {
        let cmd = &self.loaded.config.spawner.cmd;
        let demo = cmd.iter().any(|word| word == "demo-server");
        if !demo {
            return String::new();
        }
        let first = if self.singleuser {
            "  Users get a small demo server. jupyterhub-singleuser is there now: for notebooks,\n"
        } else {
            "  Users get a small demo server, as jupyterhub-singleuser is not installed. For notebooks,\n    \
             pip install jupyterhub jupyterlab\n"
        };
        let as_root = if nix::unistd::geteuid().is_root() {
            "\n    args = [\"--allow-root\"]"
        } else {
            ""
        };
        format!(
            "{first}  change these lines below [Spawner] in {}, and start again:\n    \
             cmd = [\"jupyterhub-singleuser\"]{as_root}\n\n",
            self.file.display()
        )
    }
}

fn passwords(logins: &Logins, file: &str) -> String {
    let width = logins
        .user
        .chars()
        .count()
        .max(logins.admin.chars().count());
    format!(
        "  Log in as\n    \
         {user:width$}  password: {user_password}   (or under any other name)\n    \
         {admin:width$}  password: {admin_password}   (administrator)\n  \
         This is shown once; the passwords are kept in {file}.\n",
        user = logins.user,
        user_password = logins.user_password.expose(),
        admin = logins.admin,
        admin_password = logins.admin_password.expose(),
    )
}

fn next(url: &str, file: &str) -> String {
    format!(
        "  Try next\n    \
         {url}services/whoami/   a service that knows who you are\n    \
         {url}hub/token          a token for the REST API\n  \
         To change anything, edit {file} and start again. Ctrl-C stops everything.\n\n"
    )
}
