//! Which routes have to change so that the proxy has what the hub wants: a pure comparison.

use std::collections::{BTreeMap, BTreeSet};

use super::{Route, Routes};

/// What the hub wants.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// Routes that must be there, by routespec.
    pub routes: BTreeMap<String, Route>,
    /// Routespecs that somebody is working on: they may be there or not.
    pub in_between: BTreeSet<String>,
}

impl Wanted {
    /// Adds a route that must be there.
    pub fn add(&mut self, route: Route) {
        self.routes.insert(route.routespec.clone(), route);
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Add a route that is missing or differs.
    Add(Route),
    /// Delete a route of ours that nobody wants: its routespec.
    Delete(String),
}

impl Change {
    /// Of which route.
    #[must_use]
    pub fn routespec(&self) -> &str {
        match self {
            Self::Add(route) => &route.routespec,
            Self::Delete(spec) => spec,
        }
    }
}

/// The changes that lead from `actual` to `wanted`; none when they agree. Deletions come last.
#[must_use]
pub fn plan(wanted: &Wanted, actual: &Routes) -> Vec<Change> {
    let missing = |route: &&Route| {
        let there = actual.get(&route.routespec);
        there.is_none_or(|there| !same(route, &there.route))
    };
    let adds = wanted.routes.values().filter(missing).cloned();
    let unwanted =
        |spec: &&String| !wanted.routes.contains_key(*spec) && !wanted.in_between.contains(*spec);
    let deletes = actual.keys().filter(unwanted).cloned();
    adds.map(Change::Add)
        .chain(deletes.map(Change::Delete))
        .collect()
}

/// Whether a route is as wanted. What a proxy adds to the data of its own is no difference.
fn same(wanted: &Route, there: &Route) -> bool {
    let mut data = wanted.data.iter();
    wanted.target.trim_end_matches('/') == there.target.trim_end_matches('/')
        && data.all(|(key, value)| there.data.get(key) == Some(value))
}

#[cfg(test)]
mod tests {
    use hub_types::names::{ServerName, Username};
    use proptest::prelude::*;

    use super::*;
    use crate::addresses::Addresses;
    use crate::domain::server::ServerRef;
    use crate::proxy_client::KnownRoute;

    fn server(user: &str, port: u16) -> Route {
        let at = ServerRef::new(Username::stored(user), ServerName::default_server());
        Route::of_server(
            &Addresses::default(),
            &at,
            format!("http://127.0.0.1:{port}"),
        )
    }

    fn wanted(routes: impl IntoIterator<Item = Route>) -> Wanted {
        let mut wanted = Wanted::default();
        routes.into_iter().for_each(|route| wanted.add(route));
        wanted
    }

    fn table(routes: impl IntoIterator<Item = Route>) -> Routes {
        let known = |route: Route| {
            let last_activity = None;
            (
                route.routespec.clone(),
                KnownRoute {
                    route,
                    last_activity,
                },
            )
        };
        routes.into_iter().map(known).collect()
    }

    #[test]
    fn what_changes() {
        let hub = Route::of_hub(&Addresses {
            hub_origin: "http://127.0.0.1:8081".into(),
            ..Addresses::default()
        });
        let mut more = hub.clone();
        more.data.insert("of_the_proxy".into(), 1.into());
        let somebody_elses = Route {
            data: server("whose", 4).data,
            ..server("other", 4)
        };
        let actual = table([
            more,
            Route {
                target: "http://127.0.0.1:1/".into(),
                ..server("same", 1)
            },
            server("al ice@x~", 2),
            server("moved", 3),
            somebody_elses,
            server("stale", 5),
            server("pending", 6),
        ]);
        let mut wanted = wanted([
            hub,
            server("same", 1),
            server("al ice@x~", 2),
            server("moved", 33),
            server("other", 4),
            server("new", 8),
        ]);
        wanted.in_between.insert("/user/pending/".into());
        assert_eq!(
            plan(&wanted, &actual),
            [
                Change::Add(server("moved", 33)),
                Change::Add(server("new", 8)),
                Change::Add(server("other", 4)),
                Change::Delete("/user/stale/".into()),
            ]
        );
    }

    /// What a proxy does with a change.
    fn apply(routes: &mut Routes, change: Change) {
        match change {
            Change::Add(route) => routes.extend(table([route])),
            Change::Delete(spec) => {
                routes.remove(&spec);
            }
        }
    }

    proptest! {
        #[test]
        fn a_plan_carried_out_leaves_nothing_to_do(
            want in proptest::collection::btree_map("[a-zé %+~@.]{1,4}", 1u16..9, 0..6),
            have in proptest::collection::btree_map("[a-zé %+~@.]{1,4}", 1u16..9, 0..6),
            pending in proptest::collection::btree_set("[a-z]{1}", 0..3),
        ) {
            let mut wanted = wanted(want.iter().map(|(user, port)| server(user, *port)));
            wanted.in_between = pending.iter().map(|user| server(user, 1).routespec).collect();
            let mut actual = table(have.iter().map(|(user, port)| server(user, *port)));
            for change in plan(&wanted, &actual) {
                apply(&mut actual, change);
            }
            prop_assert_eq!(plan(&wanted, &actual), []);
            for spec in actual.keys() {
                prop_assert!(wanted.routes.contains_key(spec) || wanted.in_between.contains(spec));
            }
        }
    }
}
