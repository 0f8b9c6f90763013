//! `tornado_settings`: three of its keys mean something, every other one is refused by name.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::config::TornadoSettings;

#[test]
fn every_key_that_cannot_be_is_told_with_its_line() {
    let text = "[JupyterHub.tornado_settings]\nslow_spawn_timeout = 'x'\nheaders = { X-Frame-Options = 'DENY' }\n\
                slow_stop_timeout = 1\nspawn_throttle_retry_range = [60, 30]\ncookie_options = {}\nxsrf_cookies = false\n\
                slow_stop_timeot = 1";
    let found = problems(&format!("{DUMMY}{text}"));
    let expected = [
        "hub.toml:4: [JupyterHub] tornado_settings.slow_spawn_timeout must be a number of seconds, not a text",
        "hub.toml:5: [JupyterHub] tornado_settings.headers cannot be set here: the hub sends the headers that its pages and API \
         need; a server in front of it (nginx, Caddy) can add others",
        "hub.toml:7: [JupyterHub] tornado_settings.spawn_throttle_retry_range must be two numbers of seconds, the smaller one \
         first, e.g. [30, 60]",
        "hub.toml:8: [JupyterHub] tornado_settings.cookie_options cannot be set here: cookies are Secure under https and SameSite \
         as they must be; there are cookie_max_age_days and cookie_host_prefix_enabled",
        "hub.toml:9: [JupyterHub] tornado_settings.xsrf_cookies cannot be set here: it is for Python's web server, which is not \
         used here; slow_spawn_timeout, slow_stop_timeout and spawn_throttle_retry_range work",
        "hub.toml:10: [JupyterHub] tornado_settings.slow_stop_timeot is not a setting; did you mean slow_stop_timeout?",
    ];
    assert_eq!(found, expected);
}

#[test]
fn flags_and_files_of_python_say_the_same() {
    let expected = TornadoSettings {
        slow_spawn_timeout: Duration::ZERO,
        spawn_throttle_retry_range: (Duration::from_secs(5), Duration::from_millis(7500)),
        ..TornadoSettings::default()
    };
    let flag = "JupyterHub.tornado_settings={ slow_spawn_timeout = 0, spawn_throttle_retry_range = [5, 7.5] }";
    let loaded = with(DUMMY, &[flag], &Env::new()).unwrap();
    assert_eq!(loaded.config.jupyterhub.tornado_settings, expected);

    let python = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(PYTHON_FILE);
        let text = format!("c.JupyterHub.authenticator_class = 'dummy'\n{text}\n");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        load(&Sources::default(), folder.path(), &Env::new())
    };
    for text in [
        "c.JupyterHub.tornado_settings = {'slow_spawn_timeout': 0, 'spawn_throttle_retry_range': (5, 7.5)}",
        "c.JupyterHub.tornado_settings.update({'slow_spawn_timeout': 0, 'spawn_throttle_retry_range': [5, 7.5]})",
    ] {
        let loaded = python(text).unwrap();
        assert_eq!(
            loaded.config.jupyterhub.tornado_settings, expected,
            "{text}"
        );
    }
    let error = python("c.JupyterHub.tornado_settings = {'log_function': lambda handler: None}");
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("jupyterhub_config.py:2: [JupyterHub] tornado_settings.log_function is ")
            && error.contains("this hub runs no Python; write a table of slow_spawn_timeout, "),
        "{error}"
    );
}
