//! Who may enter: by arguments for the whole site, by the query of a question for a part of it. Both only narrow. Pure.

use hubauth::Access;
use url::form_urlencoded;

/// Whoever meets any one of these; `None` when nothing is asked for.
pub(super) fn any_of(groups: &[String], users: &[String], admin: bool) -> Option<Access> {
    let rules = [
        (!groups.is_empty()).then(|| Access::groups(groups.iter().cloned())),
        (!users.is_empty()).then(|| Access::users(users.iter().cloned())),
        admin.then(Access::admin),
    ];
    rules.into_iter().flatten().reduce(Access::or)
}

/// A query that cannot be read: a misspelt rule must not open what it should close.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the query of the question has {0:?}; known are group=NAME, user=NAME and admin=true. If it is the \
     client's, the web server must not pass it on (Caddy: uri …/forward?)"
)]
pub(super) struct UnknownRule(String);

impl UnknownRule {
    /// What the visitor is told.
    #[expect(clippy::unused_self, reason = "the detail is for the log")]
    pub(super) fn text(&self) -> &'static str {
        "This site's web server is set up wrongly; its administrator finds the reason in the log."
    }
}

/// The rule in the query with which the web server asks (`…/check?group=staff&admin=true`); it comes from that server's
/// configuration, not from the client.
pub(super) fn of_query(query: Option<&str>) -> Result<Option<Access>, UnknownRule> {
    let (mut groups, mut users, mut admin) = (Vec::new(), Vec::new(), false);
    for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match (&*key, &*value) {
            ("group", name) if !name.is_empty() => groups.push(name.to_owned()),
            ("user", name) if !name.is_empty() => users.push(name.to_owned()),
            ("admin", "true") => admin = true,
            _ => return Err(UnknownRule(key.chars().take(40).collect())),
        }
    }
    Ok(any_of(&groups, &users, admin))
}

/// The first value of a key of a query.
pub(super) fn value_of(query: Option<&str>, name: &str) -> Option<String> {
    form_urlencoded::parse(query?.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use hubauth::{HubUser, Source};

    use super::*;

    #[test]
    fn queries() {
        let zoe = r#"{"kind": "user", "name": "zoe", "groups": ["crew"]}"#;
        let zoe = HubUser::new(serde_json::from_str(zoe).unwrap(), Source::Cookie);
        for (query, allowed) in [
            ("group=crew", true),
            ("group=other", false),
            ("group=other&user=zoe", true),
            ("admin=true", false),
            ("admin=true&group=crew", true),
        ] {
            let rule = of_query(Some(query)).unwrap().unwrap();
            assert_eq!(rule.decide(&zoe).is_allowed(), allowed, "{query}");
        }
        assert!(of_query(None).unwrap().is_none());
        assert!(of_query(Some("")).unwrap().is_none());
        for bad in [
            "groups=crew",
            "group=",
            "user",
            "admin=false",
            "admin",
            "x=y",
        ] {
            assert!(of_query(Some(bad)).is_err(), "{bad}");
        }
    }
}
