//! Whether anybody can log in, and with what.

use super::State;
use crate::config::{AuthenticatorClass, Config, SharedPasswordAuthenticator};

pub(super) fn check(config: &Config, state: &mut State) {
    suits(config, state);
    passwords(config, state);
    if state.problems.is_empty() {
        warn(config, state);
    }
}

/// What asks something of the authenticator that this one has not.
fn suits(config: &Config, state: &mut State) {
    use AuthenticatorClass as Class;
    let class = config.jupyterhub.authenticator_class;
    let auth = &config.authenticator;
    // What one of this hub's own can do is asked when it is built.
    let own = matches!(class, Class::Plugged(_));
    let knows_groups = matches!(class, Class::Pam | Class::SharedPassword | Class::OAuth(..));
    if auth.manage_groups && !own && !knows_groups {
        let message = "needs an authenticator that knows groups: \"pam\", \"shared-password\" or a provider's";
        state.problem("Authenticator", "manage_groups", message);
    }
    if auth.request_otp && !own && class != Class::Pam {
        let message = "needs an authenticator that checks one-time passwords: \"pam\"";
        state.problem("Authenticator", "request_otp", message);
    }
    if config.local_users.create_system_users && !own && !class.knows_system_users() {
        let message = "needs an authenticator of system users: \"pam\", or a provider's for them (\"local-github\", …); with \
                       this one nobody would be made";
        state.problem("LocalAuthenticator", "create_system_users", message);
    }
    for (name, on) in [
        ("auto_login", auth.auto_login),
        (
            "auto_login_oauth2_authorize",
            auth.auto_login_oauth2_authorize,
        ),
    ] {
        if on && !own && class != Class::Null && class.provider().is_none() {
            let message = "needs an authenticator whose users log in elsewhere; with this one they need the login page";
            state.problem("Authenticator", name, message);
        }
    }
    let shared = &config.shared_password;
    if !shared.password_groups.is_empty() && !auth.manage_groups {
        let message = "needs [Authenticator] manage_groups = true";
        state.problem("SharedPasswordAuthenticator", "password_groups", message);
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
    let of_groups = shared
        .password_groups
        .iter()
        .map(|(password, _)| Some(password));
    if shared.admin_password.is_some()
        && of_groups
            .into_iter()
            .any(|password| password == shared.admin_password.as_ref())
    {
        let message = "must not be among password_groups: it is for administrators alone";
        state.problem(CLASS, "admin_password", message);
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
            "is not set (true lets in everybody whose password is right), nor is anybody named in allowed_users or \
             admin_users: nobody can log in",
        );
    }
    if config.jupyterhub.admin_access {
        state.warn(
            "JupyterHub",
            "admin_access",
            "is an old setting: administrators may enter servers without it (the role admin holds access:servers), and users are \
             told so; for others, grant that scope in [[JupyterHub.load_roles]]",
        );
    }
    match config.jupyterhub.authenticator_class {
        AuthenticatorClass::Dummy => state.warn(
            "JupyterHub",
            "authenticator_class",
            "= \"dummy\" lets anybody in under any name: for tests only",
        ),
        AuthenticatorClass::SharedPassword => shared_password(config, state),
        AuthenticatorClass::Dictionary => dictionary(config, state),
        AuthenticatorClass::Pam
        | AuthenticatorClass::Null
        | AuthenticatorClass::OAuth(..)
        | AuthenticatorClass::Plugged(_) => {}
    }
}

fn dictionary(config: &Config, state: &mut State) {
    if config.dictionary.users.is_empty() {
        let message = "names nobody (make a hash with `hub hash-password`): nobody can log in";
        state.warn("dictionary", "users", message);
    }
}

fn shared_password(config: &Config, state: &mut State) {
    const CLASS: &str = "SharedPasswordAuthenticator";
    let shared = &config.shared_password;
    let admins = !config.authenticator.admin_users.is_empty();
    match (&shared.user_password, &shared.admin_password) {
        (None, _) if !shared.password_groups.is_empty() => {}
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
