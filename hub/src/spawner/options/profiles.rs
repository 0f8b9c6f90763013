//! The variants that people choose among. Names of fields and options are KubeSpawner's: the field `profile`, and
//! `profile-option-SLUG--OPTION` for what a profile leaves open; the options `profile` and `OPTION`.

use serde_json::Value;

use super::form::Fields;
use super::{InvalidOptions, Options};
use crate::config::{Choice, Overrides, Profile, ProfileOption};

/// The option, and the field, that names a profile.
pub const PROFILE: &str = "profile";
const FIELD_PREFIX: &str = "profile-option-";

/// The field for an option of a profile.
#[must_use]
pub fn field(profile: &Profile, option: &str) -> String {
    format!("{FIELD_PREFIX}{}--{option}", profile.slug)
}

/// Takes what belongs to profiles out of a form; of their fields, those of the profile that was chosen become options.
#[must_use]
pub fn take(list: &[Profile], fields: &mut Fields) -> Options {
    let mut options = Options::new();
    if list.is_empty() {
        return options;
    }
    let first = |values: Vec<Value>| values.into_iter().next();
    let slug = fields.remove(PROFILE).and_then(first);
    let chosen = chosen(list, slug.as_ref()).ok();
    for (name, _) in chosen
        .into_iter()
        .flat_map(|profile| &profile.profile_options)
    {
        let key = chosen.map(|profile| field(profile, name));
        let value = key.and_then(|key| fields.remove(&key)).and_then(first);
        options.extend(value.map(|value| (name.clone(), value)));
    }
    options.extend(slug.map(|slug| (PROFILE.to_owned(), slug)));
    fields.retain(|name, _| !name.starts_with(FIELD_PREFIX));
    options
}

/// What one of them changes, in the order in which it is applied.
///
/// # Errors
/// When there is no such profile or choice.
pub fn overrides<'a>(
    list: &'a [Profile],
    options: &Options,
) -> Result<Vec<&'a Overrides>, InvalidOptions> {
    if list.is_empty() {
        return Ok(Vec::new());
    }
    let profile = chosen(list, options.get(PROFILE))?;
    let mut all = vec![&profile.spawner_override];
    for (name, option) in &profile.profile_options {
        all.push(
            &choice(option, options.get(name))
                .ok_or_else(|| {
                    InvalidOptions(format!("{name} must be one of the choices of the profile"))
                })?
                .spawner_override,
        );
    }
    Ok(all)
}

/// Whether an option says something to the profiles.
#[must_use]
pub fn knows(list: &[Profile], option: &str) -> bool {
    let mut options = list.iter().flat_map(|profile| &profile.profile_options);
    !list.is_empty() && option == PROFILE || options.any(|(name, _)| name == option)
}

/// The profile of this slug; where none is named, the default one, or else the first.
///
/// # Errors
/// When there is none of that slug.
pub fn chosen<'a>(
    list: &'a [Profile],
    slug: Option<&Value>,
) -> Result<&'a Profile, InvalidOptions> {
    let found = match slug {
        None => list
            .iter()
            .find(|profile| profile.default)
            .or_else(|| list.first()),
        Some(slug) => list
            .iter()
            .find(|profile| slug.as_str() == Some(profile.slug.as_str())),
    };
    found.ok_or_else(|| InvalidOptions("there is no such profile".to_owned()))
}

/// The choice of this key; where none is named, the default one, or else the first.
fn choice<'a>(option: &'a ProfileOption, key: Option<&Value>) -> Option<&'a Choice> {
    chosen_key(option, key).and_then(|key| {
        let mut choices = option.choices.iter();
        choices
            .find(|(name, _)| name == key)
            .map(|(_, choice)| choice)
    })
}

/// The key of the choice that counts; `None` when another one is named than there are.
#[must_use]
pub fn chosen_key<'a>(option: &'a ProfileOption, key: Option<&Value>) -> Option<&'a str> {
    let mut choices = option.choices.iter();
    let found = match key {
        None => option
            .choices
            .iter()
            .find(|(_, choice)| choice.default)
            .or_else(|| option.choices.first()),
        Some(key) => choices.find(|(name, _)| key.as_str() == Some(name.as_str())),
    };
    found.map(|(name, _)| name.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn overrides_of(value: &Value) -> Overrides {
        value.as_object().unwrap().clone()
    }

    fn list() -> Vec<Profile> {
        let choice = |limit: &str, default| Choice {
            display_name: limit.to_owned(),
            default,
            spawner_override: overrides_of(&json!({"mem_limit": limit})),
        };
        let size = ProfileOption {
            display_name: "Size".into(),
            choices: vec![
                ("s".into(), choice("1G", false)),
                ("l".into(), choice("8G", true)),
            ],
        };
        vec![
            Profile {
                display_name: "Small".into(),
                slug: "small".into(),
                spawner_override: overrides_of(&json!({"cpu_limit": 1})),
                ..Profile::default()
            },
            Profile {
                display_name: "Own".into(),
                slug: "own".into(),
                default: true,
                spawner_override: overrides_of(&json!({"cpu_limit": 2})),
                profile_options: vec![("size".into(), size)],
                ..Profile::default()
            },
        ]
    }

    #[test]
    fn what_a_choice_changes() {
        for (options, expected) in [
            (
                json!({}),
                Ok(json!([{"cpu_limit": 2}, {"mem_limit": "8G"}])),
            ),
            (
                json!({"profile": "small", "size": "s"}),
                Ok(json!([{"cpu_limit": 1}])),
            ),
            (
                json!({"profile": "own", "size": "s"}),
                Ok(json!([{"cpu_limit": 2}, {"mem_limit": "1G"}])),
            ),
            (json!({"profile": "huge"}), Err("there is no such profile")),
            (json!({"profile": ["own"]}), Err("there is no such profile")),
            (
                json!({"profile": "own", "size": "xl"}),
                Err("size must be one of the choices of the profile"),
            ),
            (
                json!({"profile": "own", "size": 1}),
                Err("size must be one of the choices of the profile"),
            ),
        ] {
            let list = list();
            let found = overrides(&list, options.as_object().unwrap());
            let found = found.map(|all| json!(all)).map_err(|error| error.0);
            assert_eq!(found, expected.map_err(ToOwned::to_owned), "{options}");
        }
        assert_eq!(overrides(&[], &Options::new()), Ok(Vec::new()));
    }

    #[test]
    fn fields_of_other_profiles_say_nothing() {
        let mut fields: Fields = [
            ("profile", "own"),
            ("profile-option-own--size", "s"),
            ("profile-option-small--size", "x"),
            ("other", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), vec![Value::from(value)]))
        .into();
        let options = take(&list(), &mut fields);
        assert_eq!(Value::from(options), json!({"profile": "own", "size": "s"}));
        assert_eq!(json!(fields), json!({"other": ["1"]}));
        let mut fields: Fields = [(PROFILE.to_owned(), vec!["x".into()])].into();
        assert!(take(&[], &mut fields).is_empty());
        assert!(fields.contains_key(PROFILE));
        assert!(knows(&list(), "size") && knows(&list(), "profile") && !knows(&[], "profile"));
    }
}
