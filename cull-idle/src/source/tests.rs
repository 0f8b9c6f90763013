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
