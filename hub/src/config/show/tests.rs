use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::config::AuthenticatorClass;
use crate::config::load::{Flag, OwnClasses, assemble};

/// The file with the settings uncommented that `keep` picks.
fn uncommented(keep: impl Fn(&str) -> bool) -> String {
    template()
        .lines()
        .map(|line| {
            let setting = line.strip_prefix("# ").filter(|rest| {
                let name = rest.split(" = ").next().unwrap_or("");
                rest.contains(" = ")
                    && CLASSES
                        .iter()
                        .any(|class| class.traits.iter().any(|row| row.name == name))
            });
            match setting {
                Some(setting) if keep(setting) => setting,
                _ => line,
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn load(text: &str) -> Config {
    let empty: BTreeMap<String, String> = BTreeMap::new();
    let file = Some((Path::new("hub.toml"), text));
    match assemble(file, &[], Path::new("/srv"), &empty, &OwnClasses::default()) {
        Ok(loaded) => Config {
            source: None,
            ..loaded.config
        },
        Err(error) => panic!("{error}\n{text}"),
    }
}

#[test]
fn every_default_in_the_template_loads_as_the_default() {
    let text = uncommented(|setting| !setting.ends_with("# not set"));
    let rows = CLASSES.iter().flat_map(|class| working(class)).count();
    let shown = text
        .lines()
        .filter(|line| line.contains(" = ") && !line.starts_with('#'))
        .count();
    let unset = text
        .lines()
        .filter(|line| line.ends_with("# not set"))
        .count();
    assert_eq!(shown + unset, rows);
    assert_eq!(load(&text), Config::default());
}

#[test]
fn every_unset_setting_in_the_template_can_be_uncommented() {
    let all = uncommented(|setting| setting.ends_with("# not set"));
    for line in all
        .lines()
        .filter(|line| line.ends_with("# not set") && !line.starts_with('#'))
    {
        load(&uncommented(|setting| {
            setting == line || setting.starts_with("authenticator_class")
        }));
    }
}

#[test]
fn the_template_as_it_is_lacks_only_somebody_who_may_log_in() {
    let empty: BTreeMap<String, String> = BTreeMap::new();
    let text = template();
    let file = Some((Path::new("hub.toml"), text.as_str()));
    let loaded = assemble(file, &[], Path::new("/srv"), &empty, &OwnClasses::default()).unwrap();
    assert_eq!(
        loaded.config.jupyterhub.authenticator_class,
        AuthenticatorClass::Pam
    );
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert!(warnings[0].ends_with("nobody can log in"), "{warnings:#?}");
    assert!(text.lines().all(|line| line.chars().count() <= 200));
}

fn loaded() -> Loaded {
    let text = "[JupyterHub]\nport = 9\nauthenticator_class = \"shared-password\"\n\
                [SharedPasswordAuthenticator]\nuser_password = \"very secret\"\n\
                [[JupyterHub.services]]\nname = \"s\"\napi_token = \"secret-token\"\n\
                [Spawner]\nenvironment = { MY_KEY = \"secret-key\" }\n";
    let empty: BTreeMap<String, String> = BTreeMap::new();
    let flag = Flag::new("Spawner", "start_timeout", "90", "--Spawner.start_timeout");
    assemble(
        Some((Path::new("hub.toml"), text)),
        &[flag],
        Path::new("/srv"),
        &empty,
        &OwnClasses::default(),
    )
    .unwrap()
}

#[test]
fn what_is_in_force_says_where_it_comes_from_and_hides_secrets() {
    let text = in_force(&loaded());
    for line in [
        "port = 9  # hub.toml:2",
        "bind_url = \"http://:9/\"  # from other settings",
        "start_timeout = 90  # --Spawner.start_timeout",
        "user_password = \"[secret]\"  # hub.toml:5",
        "log_level = \"INFO\"  # default",
        "# admin_password is not set",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "no {line:?} in\n{text}"
        );
    }
    let json = in_force_json(&loaded().config).to_string();
    assert!(json.contains("\"port\":9"));
    for shown in [text, json] {
        for secret in ["very secret", "secret-token", "secret-key"] {
            assert!(!shown.contains(secret), "{secret} in\n{shown}");
        }
    }
}

#[test]
fn help_names_what_works_and_what_does_not_yet() {
    let help = flags_help();
    assert!(help.contains("--Spawner.mem_limit=VALUE  (default: not set)"));
    assert!(help.contains("JupyterHub.internal_ssl,"));
}

#[test]
fn the_reference_page_is_what_the_program_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/configuration.md");
    let page = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        page == reference(),
        "docs/reference/configuration.md is old; write it anew: cargo run -p hub -- --reference > \
         docs/reference/configuration.md"
    );
}
