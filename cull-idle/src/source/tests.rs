use serde_json::json;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    hub_types::time::parse(text).unwrap()
}

#[test]
fn the_hubs_time_is_taken_unless_one_clock_is_plainly_wrong() {
    let bound = TimeDelta::hours(1);
    let ours = at("2026-11-22T12:00:00Z");
    for (theirs, fine) in [
        ("2026-11-22T12:00:00Z", true),
        ("2026-11-22T12:10:00Z", true),
        ("2026-11-22T11:50:00Z", true),
        ("2026-11-22T13:00:00Z", true),
        ("2026-11-22T13:00:01Z", false),
        ("2026-11-21T12:00:00Z", false),
        ("2036-11-22T12:00:00Z", false),
    ] {
        let theirs = at(theirs);
        let got = trusted(Some(theirs), ours, bound);
        assert_eq!(got.is_ok(), fine, "{theirs}: {got:?}");
        if fine {
            assert_eq!(got, Ok(theirs), "the hub's own time, not ours");
        }
    }
    assert_eq!(trusted(None, ours, bound), Err(HubError::NoDate));
}

fn page(next: &Value) -> Value {
    json!({"items": [{"name": "a"}], "_pagination": {"offset": 0, "limit": 1, "total": 2, "next": next}})
}

#[test]
fn pages_and_bare_lists() {
    let (items, next) = split(json!([{"name": "a"}, {"name": "b"}]), 0).unwrap();
    assert_eq!(items.len(), 2);
    assert!(matches!(next, Cursor::End));
    let (items, next) = split(page(&Value::Null), 0).unwrap();
    assert_eq!(items.len(), 1);
    assert!(matches!(next, Cursor::End));
    let next = json!({"offset": 1, "limit": 1, "url": "http://elsewhere/x/users?state=ready&limit=1&offset=1"});
    let (_, next) = split(page(&next), 0).unwrap();
    assert!(
        matches!(next, Cursor::Query { query, offset: 1 } if query == "state=ready&limit=1&offset=1")
    );
}

#[test]
fn a_page_that_leads_nowhere_is_refused() {
    for bad in [
        json!({"offset": 0, "url": "http://h/users?offset=0"}),
        json!({"offset": 1, "url": "http://h/users"}),
        json!({"offset": 1, "url": "users?offset=1"}),
        json!({"offset": 1}),
        json!({"url": "http://h/users?offset=1"}),
        json!("http://h/users?offset=1"),
    ] {
        assert!(split(page(&bad), 0).is_err(), "{bad}");
    }
    for bad in [
        json!({"items": []}),
        json!({}),
        json!("x"),
        json!({"items": {}, "_pagination": {"next": null}}),
    ] {
        assert!(split(bad.clone(), 0).is_err(), "{bad}");
    }
}
