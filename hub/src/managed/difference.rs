//! What a new configuration means for services that run: a pure comparison.

use std::collections::BTreeMap;

use services::contract::HubAddress;
use services::spec::ServiceSpec;

/// What becomes of each service, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// New ones.
    pub added: Vec<String>,
    /// Those that are not wanted any more.
    pub removed: Vec<String>,
    /// Those that must be started again (external ones: asked anew whether they answer) to be as wanted.
    pub changed: Vec<String>,
    /// Those of which only the hub needs to know something else: who sees them, what they may ask for.
    pub retold: Vec<String>,
    /// All others.
    pub unchanged: Vec<String>,
}

impl Difference {
    /// From what there is to what is wanted. `hub` is how services reach it, which does not change while it runs.
    #[must_use]
    pub fn between(
        present: &BTreeMap<String, ServiceSpec>,
        wanted: &BTreeMap<String, ServiceSpec>,
        hub: &HubAddress,
    ) -> Self {
        let mut found = Self::default();
        for (name, spec) in wanted {
            let list = match present.get(name) {
                None => &mut found.added,
                Some(now) if now == spec => &mut found.unchanged,
                Some(now) if runs_alike(now, spec, hub) => &mut found.retold,
                Some(_) => &mut found.changed,
            };
            list.push(name.clone());
        }
        let removed = present.keys().filter(|name| !wanted.contains_key(*name));
        found.removed = removed.cloned().collect();
        found
    }

    /// What changes, for the log: `started a, b; stopped c`.
    #[must_use]
    pub fn summary(&self) -> String {
        let parts = [
            ("new", &self.added),
            ("gone", &self.removed),
            ("started again", &self.changed),
            ("told otherwise", &self.retold),
        ];
        let named = parts.iter().filter(|(_, names)| !names.is_empty());
        let texts: Vec<String> = named
            .map(|(what, names)| format!("{what}: {}", names.join(", ")))
            .collect();
        texts.join("; ")
    }
}

/// Whether a process of the one does for the other.
fn runs_alike(now: &ServiceSpec, wanted: &ServiceSpec, hub: &HubAddress) -> bool {
    now.is_managed() == wanted.is_managed()
        && now.timeout == wanted.timeout
        && now.fingerprint(hub) == wanted.fingerprint(hub)
}

#[cfg(test)]
mod tests {
    use hub_types::paths::BaseUrl;
    use hub_types::secret::Token;

    use super::*;

    fn hub() -> HubAddress {
        HubAddress::local("http://127.0.0.1:8081/hub/api", BaseUrl::default())
    }

    fn managed(name: &str) -> ServiceSpec {
        ServiceSpec {
            command: vec!["program".into()],
            url: Some("http://127.0.0.1:1".into()),
            ..ServiceSpec::new(name)
        }
    }

    fn all(specs: &[ServiceSpec]) -> BTreeMap<String, ServiceSpec> {
        specs
            .iter()
            .map(|spec| (spec.name.clone(), spec.clone()))
            .collect()
    }

    /// The list in which `a` is found, of a present and a wanted spec.
    fn verdict(present: Option<ServiceSpec>, wanted: Option<ServiceSpec>) -> &'static str {
        let spec = |spec: Option<ServiceSpec>| all(spec.as_slice());
        let found = Difference::between(&spec(present), &spec(wanted), &hub());
        let lists = [
            ("added", found.added),
            ("removed", found.removed),
            ("changed", found.changed),
            ("retold", found.retold),
            ("unchanged", found.unchanged),
        ];
        let mut with_it = lists.iter().filter(|(_, names)| names == &["a"]);
        let first = with_it.next().map_or("nowhere", |(list, _)| list);
        assert_eq!(with_it.count(), 0, "{lists:?}");
        first
    }

    #[test]
    fn each_service_has_one_verdict() {
        let a = || managed("a");
        type Change = fn(&mut ServiceSpec);
        let table: &[(&str, Change)] = &[
            ("unchanged", |_| {}),
            ("changed", |spec| spec.command.push("--more".into())),
            ("changed", |spec| spec.command.clear()),
            ("changed", |spec| spec.url = None),
            ("changed", |spec| spec.cwd = Some("/".into())),
            ("changed", |spec| spec.user = Some("nobody".into())),
            ("changed", |spec| spec.timeout = 7),
            ("changed", |spec| {
                spec.environment.insert("A".into(), "b".into());
            }),
            ("changed", |spec| {
                spec.api_token = Some(Token::from_config("a-token-of-its-own"));
            }),
            ("changed", |spec| {
                spec.oauth_client_id = Some("service-b".into());
            }),
            ("retold", |spec| spec.display = false),
            ("retold", |spec| spec.admin = true),
            ("retold", |spec| spec.oauth_no_confirm = true),
            ("retold", |spec| {
                spec.info.insert("for".into(), "crew".into());
            }),
        ];
        for (expected, change) in table {
            let mut wanted = a();
            change(&mut wanted);
            assert_eq!(
                verdict(Some(a()), Some(wanted.clone())),
                *expected,
                "{wanted:?}"
            );
        }
        assert_eq!(verdict(None, Some(a())), "added");
        assert_eq!(verdict(Some(a()), None), "removed");
        assert_eq!(verdict(None, None), "nowhere");
    }

    #[test]
    fn the_log_names_what_changes_and_no_more() {
        let present = all(&[managed("stays"), managed("goes"), managed("other")]);
        let mut other = managed("other");
        other.command.push("--more".into());
        let wanted = all(&[managed("stays"), other, managed("b"), managed("a")]);
        let found = Difference::between(&present, &wanted, &hub());
        assert_eq!(found.unchanged, ["stays"]);
        assert_eq!(
            found.summary(),
            "new: a, b; gone: goes; started again: other"
        );
        assert_eq!(
            Difference::between(&present, &present, &hub()).summary(),
            ""
        );
    }
}
