use super::super::KnownRoute;
use super::*;

fn server(user: &str) -> ServerRef {
    ServerRef::new(Username::stored(user), ServerName::default_server())
}

#[test]
fn activity_of_servers_only() {
    let addresses = Addresses::default();
    let used = DateTime::from_timestamp(1_795_315_561, 437_000_000);
    let known = |route: Route, last_activity| {
        (
            route.routespec.clone(),
            KnownRoute {
                route,
                last_activity,
            },
        )
    };
    let table = Routes::from([
        known(Route::of_hub(&addresses), used),
        known(
            Route::of_server(&addresses, &server("a"), "http://a".into()),
            used,
        ),
        known(
            Route::of_server(&addresses, &server("b"), "http://b".into()),
            None,
        ),
    ]);
    let expected = BTreeMap::from([(server("a"), used.unwrap())]);
    assert_eq!(activity(&table), expected);
}

#[test]
fn several_proxies_are_one_answer() {
    let at = |second| DateTime::from_timestamp(second, 0).unwrap();
    let found = |added, used: &[(&str, i64)]| Checked {
        added,
        activity: used
            .iter()
            .map(|(user, s)| (server(user), at(*s)))
            .collect(),
        ..Checked::default()
    };
    let gone = || {
        Err(CheckError::Proxy(ProxyError::Forbidden {
            url: "http://p".into(),
        }))
    };
    let one = found(1, &[("a", 5), ("b", 9)]);
    let sum = together(vec![Ok(one), gone(), Ok(found(2, &[("a", 7), ("b", 8)]))]).unwrap();
    assert_eq!(sum.added, 3);
    let latest = [(server("a"), at(7)), (server("b"), at(9))];
    assert_eq!(sum.activity, BTreeMap::from(latest));
    assert!(sum.failed.is_some(), "one proxy was not looked at");
    assert!(together(vec![gone(), gone()]).is_err());
}
