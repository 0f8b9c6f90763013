//! The programs that a configuration names: whether they are there, and whether those who need them can run them.

use std::path::Path;

use hub_types::env::EnvSource;
use nix::unistd::Uid;

use super::{Findings, reach};
use crate::auth::{pam, system_users};
use crate::config::{AuthenticatorClass, CONFIGURABLE_HTTP_PROXY, Config, SpawnerClass};
use crate::managed::{self, check_commands};
use crate::spawner::{commands, search_path};

pub(super) fn look(config: &Config, env: &dyn EnvSource, launcher: &Path, findings: &mut Findings) {
    of_services(config, env, launcher, findings);
    let missing = commands::missing(config, env, launcher);
    let doubts = search_path::doubts(config, env, launcher);
    let makes_none = system_users::missing_command(config);
    findings.warnings.extend(missing);
    findings.warnings.extend(makes_none);
    findings.warnings.extend(doubts);
    of_the_proxy(config, env, findings);
    pam_can_be_asked(config, findings);
    of_system_users(config, env, launcher, findings);
}

fn of_services(config: &Config, env: &dyn EnvSource, launcher: &Path, findings: &mut Findings) {
    const SETTING: &str = "[JupyterHub] services:";
    if let Err(error) = check_commands(config, env, launcher) {
        findings.problem(SETTING, error);
    }
    let services = config.jupyterhub.services.iter();
    for service in services.filter(|service| service.is_managed()) {
        let user = service.user.as_deref();
        if let Some(Err(why)) = user.map(services::process::users::lookup) {
            findings.problem(
                SETTING,
                format_args!("service {:?}: user: {why}", service.name),
            );
        } else if user.is_some_and(|user| user != "root")
            && let Ok(program) = managed::command(service, env, launcher)
            && let Some(closed) = reach::closed(&program)
        {
            let message = format!(
                "service {:?}: its user cannot run {}: closed to others is {closed}",
                service.name,
                program.display()
            );
            findings.warn(SETTING, message);
        }
    }
}

fn of_the_proxy(config: &Config, env: &dyn EnvSource, findings: &mut Findings) {
    let path = env.get_nonempty(hub_types::env::PATH);
    let command = config.proxy.command.as_ref();
    if config.jupyterhub.proxy_class == CONFIGURABLE_HTTP_PROXY
        && config.proxy.should_start
        && let Some(program) = command.and_then(|command| command.first())
        && let Err(why) = services::process::resolve(program, path.as_deref())
    {
        findings.problem("[ConfigurableHTTPProxy] command:", why);
    }
}

/// Servers of the spawner `local` run as the system users of the same names.
fn of_system_users(config: &Config, env: &dyn EnvSource, launcher: &Path, findings: &mut Findings) {
    if config.jupyterhub.spawner_class != SpawnerClass::Local {
        return;
    }
    if !Uid::effective().is_root() {
        let message = "= \"local\" starts servers as the system users of the same names, for which the hub must run as \
                       root; here only servers of the user who runs it can start. \"simple\" needs no root";
        return findings.warn("[JupyterHub] spawner_class", message);
    }
    for (setting, program) in commands::found(config, env, launcher) {
        let Some(closed) = reach::closed(&program) else {
            continue;
        };
        let message = format!(
            "users cannot run {}: closed to others is {closed}; put it where everybody may read, for example with \
             \"/usr/bin/python3 -m venv /opt/jupyter\"",
            program.display()
        );
        findings.warn(&format!("{setting}:"), message);
    }
}

fn pam_can_be_asked(config: &Config, findings: &mut Findings) {
    if config.jupyterhub.authenticator_class != AuthenticatorClass::Pam {
        return;
    }
    const SETTING: &str = "[JupyterHub] authenticator_class";
    if let Err(why) = pam::available() {
        findings.problem(SETTING, format_args!("= \"pam\": {why}"));
    }
    if !Uid::effective().is_root() {
        let message = "= \"pam\" checks the password of the user who runs the hub and of nobody else, unless the hub runs as \
                       root: the machine shows passwords to root only";
        findings.warn(SETTING, message);
    }
    let service = Path::new("/etc/pam.d").join(&config.pam.service);
    if !service.exists() && Path::new("/etc/pam.d").is_dir() {
        let message = format!(
            "= {:?}: there is no {}, so PAM takes its service \"other\", which usually refuses everybody",
            config.pam.service,
            service.display()
        );
        findings.warn("[PAMAuthenticator] service", message);
    }
}
