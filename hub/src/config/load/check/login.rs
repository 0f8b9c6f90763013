//! Whether anybody can log in, and with what.

use super::State;
use crate::config::{AuthenticatorClass, Config, SharedPasswordAuthenticator};

pub(super) fn check(config: &Config, state: &mut State) {
    chosen(state);
    passwords(config, state);
    if state.problems.is_empty() {
        warn(config, state);
    }
}

/// JupyterHub's default is PAM; there is no default until we have it.
fn chosen(state: &mut State) {
    let tried = state
        .problems
        .iter()
        .any(|problem| problem.message.contains("authenticator_class"));
    if state.node("JupyterHub", "authenticator_class").is_none() && !tried {
        state.problem(
            "JupyterHub",
            "authenticator_class",
            "is not set, and JupyterHub's default, \"pam\", is not supported yet. Write under [JupyterHub]: \
             authenticator_class = \"shared-password\", and under [SharedPasswordAuthenticator] user_password and \
             admin_password; or authenticator_class = \"dummy\" for a test. `hub quickstart` does all of it",
        );
    }
}

fn passwords(config: &Config, state: &mut State) {
    const CLASS: &str = "SharedPasswordAuthenticator";
    let shared = &config.shared_password;
    for (name, password, least) in [
        (
            "user_password",
            &shared.user_password,
            SharedPasswordAuthenticator::USER_PASSWORD_LEN,
        ),
        (
            "admin_password",
            &shared.admin_password,
            SharedPasswordAuthenticator::ADMIN_PASSWORD_LEN,
        ),
    ] {
        let length = password
            .as_ref()
            .map(|password| password.expose().chars().count());
        if let Some(length) = length.filter(|length| *length < least) {
            let message = format!("must be at least {least} characters, not {length}");
            state.problem(CLASS, name, message);
        }
    }
    if shared.user_password.is_some() && shared.user_password == shared.admin_password {
        state.problem(
            CLASS,
            "admin_password",
            "must not be the same as user_password",
        );
    }
}

fn warn(config: &Config, state: &mut State) {
    if !config.any_allow_config() {
        state.warn(
            "Authenticator",
            "allow_all",
            "is not set, nor is anybody named in allowed_users or admin_users: nobody can log in",
        );
    }
    if config.jupyterhub.admin_access {
        state.warn(
            "JupyterHub",
            "admin_access",
            "is an old setting: grant the scope access:servers in [[JupyterHub.load_roles]]",
        );
    }
    match config.jupyterhub.authenticator_class {
        AuthenticatorClass::Dummy => state.warn(
            "JupyterHub",
            "authenticator_class",
            "= \"dummy\" lets anybody in under any name: for tests only",
        ),
        AuthenticatorClass::SharedPassword => shared_password(config, state),
    }
}

fn shared_password(config: &Config, state: &mut State) {
    const CLASS: &str = "SharedPasswordAuthenticator";
    let shared = &config.shared_password;
    let admins = !config.authenticator.admin_users.is_empty();
    match (&shared.user_password, &shared.admin_password) {
        (None, None) => state.warn(
            CLASS,
            "user_password",
            "is not set, nor is admin_password: nobody can log in",
        ),
        (None, Some(_)) => state.warn(
            CLASS,
            "user_password",
            "is not set: only administrators can log in",
        ),
        (Some(_), _) => {}
    }
    if shared.admin_password.is_some() && !admins {
        state.warn(
            CLASS,
            "admin_password",
            "is set, but [Authenticator] admin_users names nobody who could use it",
        );
    }
    if admins && shared.admin_password.is_none() {
        state.warn(
            CLASS,
            "admin_password",
            "is not set: the users of [Authenticator] admin_users cannot log in",
        );
    }
}
