use super::*;

const SIZES_HERE: Sizes = Sizes {
    default: 50,
    max: 200,
};
const ALL: Sees = Sees {
    admin: true,
    activity: true,
    groups: true,
    servers: true,
};

fn read(query: &str) -> Result<Listing, String> {
    let uri = format!("/hub/admin?{query}").parse().unwrap();
    Listing::read(&uri, SIZES_HERE, ALL)
}

#[test]
fn arguments_come_back_as_they_were_and_in_one_order() {
    for (given, expected) in [
        ("", ""),
        ("sort=name&limit=50&offset=0&state=&name_filter=", ""),
        ("limit=9999", "limit=200"),
        ("limit=0", "limit=1"),
        (
            "offset=100&sort=-last_activity&activity=not-30d&admin=false&group=a%26b&state=ready&name_filter=%25x&limit=25",
            "name_filter=%25x&state=ready&group=a%26b&admin=false&activity=not-30d&sort=-last_activity&limit=25&offset=100",
        ),
        ("sort=-name", "sort=-name"),
        ("sort=id", "sort=id"),
    ] {
        let listing = read(given).unwrap();
        assert_eq!(listing.query(), expected, "{given}");
        assert_eq!(read(expected).unwrap(), listing, "{given}");
    }
}

#[test]
fn what_is_no_filter_is_refused() {
    for bad in [
        "state=running",
        "admin=yes",
        "activity=5d",
        "sort=server",
        "offset=-1",
        "offset=99999999999999999999",
        "limit=x",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn nobody_filters_by_what_they_do_not_see() {
    let nothing = Sees {
        admin: false,
        activity: false,
        groups: false,
        servers: false,
    };
    for query in [
        "state=active",
        "admin=true",
        "activity=1d",
        "group=lab",
        "sort=-last_activity",
    ] {
        let uri = format!("/hub/admin?{query}").parse().unwrap();
        assert!(Listing::read(&uri, SIZES_HERE, nothing).is_err(), "{query}");
        assert!(Listing::read(&uri, SIZES_HERE, ALL).is_ok(), "{query}");
    }
    let fields = read("").unwrap().fields(SIZES_HERE, nothing);
    assert!(fields.admins.is_empty() && fields.activities.is_empty() && fields.group.is_none());
    assert!(fields.states.is_empty());
}

#[test]
fn filters_of_the_database() {
    let now = "2026-11-22T00:00:00Z".parse().unwrap();
    let filter = read("activity=not-7d&admin=true&group=lab&sort=-last_activity")
        .unwrap()
        .filter(None, now);
    let week_ago = "2026-11-15T00:00:00Z".parse().unwrap();
    assert_eq!(filter.seen, Some(Seen::NotSince(week_ago)));
    assert_eq!(
        (filter.admin, filter.group.as_deref()),
        (Some(true), Some("lab"))
    );
    assert_eq!(
        (filter.order, filter.descending),
        (UserOrder::LastActivity, true)
    );
}

#[test]
fn pages() {
    let pager = |query: &str, shown: usize, total: u64| {
        let pager = read(query).unwrap().pager("/a", shown, total);
        let links = [pager.first, pager.previous, pager.next, pager.last];
        let links = links.map(Option::unwrap_or_default);
        (pager.from, pager.to, links.join(" "))
    };
    for (query, shown, total, expected) in [
        ("", 0, 0, (0, 0, "   ")),
        ("", 50, 50, (1, 50, "   ")),
        ("", 50, 51, (1, 50, "  /a?offset=50 /a?offset=50")),
        (
            "offset=50&sort=id",
            50,
            230,
            (
                51,
                100,
                "/a?sort=id /a?sort=id /a?sort=id&offset=100 /a?sort=id&offset=200",
            ),
        ),
        ("offset=200", 30, 230, (201, 230, "/a /a?offset=150  ")),
        // Somebody else deleted what was here: the way back leads to where something is.
        ("offset=500", 0, 230, (0, 0, "/a /a?offset=200  ")),
    ] {
        let (from, to, links) = pager(query, shown, total);
        assert_eq!((from, to, links.as_str()), expected, "{query}");
    }
}

#[test]
fn headers_turn_the_order_round() {
    let links = |query: &str| {
        let sorts = read(query).unwrap().sorts("/a", ALL);
        sorts
            .into_iter()
            .map(|link| (link.href.unwrap(), link.direction))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        links("offset=50"),
        [
            ("/a?sort=-name".to_owned(), Some("ascending")),
            ("/a?sort=last_activity".to_owned(), None)
        ]
    );
    assert_eq!(
        links("sort=-last_activity&state=ready"),
        [
            ("/a?state=ready".to_owned(), None),
            (
                "/a?state=ready&sort=last_activity".to_owned(),
                Some("descending")
            )
        ]
    );
}
