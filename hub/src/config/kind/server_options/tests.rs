use super::*;
use crate::config::Config;
use crate::config::kind::testing::read;

#[test]
fn rules_for_forms() {
    for (value, expected) in [
        (json!("passthrough"), Ok(OptionsFromForm::Passthrough)),
        (json!("simple"), Ok(OptionsFromForm::Simple)),
        (
            json!({"n": "integer"}),
            Ok(OptionsFromForm::Typed(
                [("n".into(), FieldKind::Integer)].into(),
            )),
        ),
        (
            json!({"n": "interger"}),
            Err("x n: 'interger' is not a kind of field; did you mean integer?"),
        ),
        (
            json!({"n": 1}),
            Err("x n: '1' is not a kind of field; there are "),
        ),
        (
            json!("easy"),
            Err("x must be \"passthrough\", \"simple\", or "),
        ),
    ] {
        match (read::<FormRule>(value.clone()), expected) {
            (Ok(rule), Ok(expected)) => {
                assert_eq!(rule, expected);
                assert_eq!(FormRule::show(&rule), Some(value));
            }
            (Err(error), Err(expected)) => assert!(error.starts_with(expected), "{error}"),
            (read, _) => panic!("{value}: {read:?}"),
        }
    }
}

#[test]
fn options_and_groups_name_settings_that_there_are() {
    assert!(read::<OptionTargets>(json!({"memory": "mem_limit"})).is_ok());
    for (error, expected) in [
        (
            read::<OptionTargets>(json!({"memory": "mem_limt"})).unwrap_err(),
            "x memory: mem_limt is not a setting of servers; did you mean mem_limit?",
        ),
        (
            read::<GroupRules>(
                json!({"a": {"groups": ["lab"], "spawner_override": {"cpu_limit": "much"}}}),
            )
            .unwrap_err(),
            "x 'a': spawner_override: cpu_limit must be",
        ),
        (
            read::<GroupRules>(json!({"a": {"group": ["lab"]}})).unwrap_err(),
            "x 'a': group is not a setting; did you mean groups?",
        ),
        (
            read::<GroupRules>(json!({"a": {"groups": ["lab"]}})).unwrap_err(),
            "x 'a': lacks spawner_override",
        ),
    ] {
        assert!(error.starts_with(expected), "{error}");
    }
    let rules = read::<GroupRules>(json!({"a": {"groups": ["lab"], "spawner_override":
        {"environment": {"MY_TOKEN": "t", "A": "1"}}}}))
    .unwrap();
    assert_eq!(
        GroupRules::show(&rules),
        Some(json!({"a": {"groups": ["lab"], "spawner_override":
            {"environment": {"MY_TOKEN": "[secret]", "A": "1"}}}}))
    );
}

#[test]
fn profiles_in_kubespawners_form() {
    let text = r#"
[[Spawner.profile_list]]
display_name = "Small (2 GB)"
description = "For the course."
default = true
kubespawner_override = { mem_limit = "2G" }
[[Spawner.profile_list]]
display_name = "Own size"
slug = "own"
[Spawner.profile_list.profile_options.size]
display_name = "Size"
[Spawner.profile_list.profile_options.size.choices.small]
display_name = "small"
spawner_override = { mem_limit = "1G" }
[Spawner.profile_list.profile_options.size.choices.large]
display_name = "large"
default = true
spawner_override = { mem_limit = "8G" }
"#;
    let profiles = Config::from_toml(text).unwrap().spawner.profile_list;
    assert_eq!(profiles[0].slug, "small-2-gb");
    assert_eq!(profiles[0].spawner_override["mem_limit"], "2G");
    let choices: Vec<&str> = profiles[1].profile_options[0]
        .1
        .choices
        .iter()
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(choices, ["small", "large"]);
    let shown = Profiles::show(&profiles).unwrap();
    let mut again = read::<Profiles>(shown).unwrap();
    // Only lines tell the order.
    again[1].profile_options[0].1.choices.reverse();
    assert_eq!(again, profiles);
}

#[test]
fn profiles_that_are_wrong() {
    for (value, expected) in [
        (json!({}), "x must be a list of profiles"),
        (json!([{"slug": "a"}]), "x profile: lacks display_name"),
        (json!([{"display_name": "!"}]), "x profile '!': lacks slug"),
        (
            json!([{"display_name": "A"}, {"display_name": "a"}]),
            "x profile 'a': there is another one with the slug 'a'",
        ),
        (
            json!([{"display_name": "A", "default": true}, {"display_name": "B", "default": true}]),
            "x has more than one profile with default",
        ),
        (
            json!([{"display_name": "A", "kubespawner_override": {"image": "x"}}]),
            "x profile 'A': spawner_override: image is not a setting",
        ),
        (
            json!([{"display_name": "A", "profile_options": {"o": {"display_name": "O"}}}]),
            "x profile 'A': option 'o': lacks choices",
        ),
        (
            json!([{"display_name": "A", "profile_options": {"o": {"display_name": "O",
                "choices": {"c": {"display_name": "C", "spawner_override": {"port": "x"}}}}}}]),
            "x profile 'A': option 'o': choice 'c': spawner_override: port must be",
        ),
    ] {
        let error = read::<Profiles>(value.clone()).unwrap_err();
        assert!(error.starts_with(expected), "{value}: {error}");
    }
}

#[test]
fn hooks_are_commands() {
    assert_eq!(read::<Hook>(json!([])), Ok(None));
    assert_eq!(
        read::<Hook>(json!("prepare")),
        Ok(Some(vec!["prepare".into()]))
    );
    assert!(
        read::<Hook>(json!(1))
            .unwrap_err()
            .contains("a program with its arguments")
    );
}
