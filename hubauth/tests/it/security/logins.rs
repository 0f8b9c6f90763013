//! Case 16 once more, in one table: states that are missing, foreign, used, of another browser, too old.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use hub_types::clock::FakeClock;

use crate::harness::{Browser, PREFIX, Site};
use crate::oauth::{CALLBACK, to_callback};

/// The callback's URL with another state.
fn with_state(callback: &str, state: &str) -> String {
    let (before, _) = callback.split_once("state=").unwrap();
    format!("{before}state={state}")
}

#[tokio::test]
async fn case_16_states_that_are_not_this_browser_s_and_fresh() {
    let clock = FakeClock::at(DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000));
    let ours: Arc<FakeClock> = Arc::new(clock.clone());
    let site = Site::with(|config| config.with_clock(ours)).await;
    let other_service = Site::start().await;
    site.hub.log_in(Some("alice"));
    other_service.hub.log_in(Some("alice"));

    let mut browser = Browser::new();
    let callback = to_callback(&mut browser, &site, PREFIX).await;
    let foreign = to_callback(&mut Browser::new(), &other_service, PREFIX).await;
    let (_, foreign_state) = foreign.split_once("state=").unwrap();
    let (_, own_state) = callback.split_once("state=").unwrap();
    let mut flipped = own_state.to_owned();
    let last = if flipped.pop() == Some('A') { 'B' } else { 'A' };
    flipped.push(last);
    for (case, url, expected) in [
        ("no state", format!("{CALLBACK}?code=c"), 400),
        ("an empty one", with_state(&callback, ""), 403),
        ("junk", with_state(&callback, "junk"), 403),
        (
            "a longer one",
            with_state(&callback, &"A".repeat(20_000)),
            403,
        ),
        (
            "another service's",
            with_state(&callback, foreign_state),
            403,
        ),
        ("changed by a bit", with_state(&callback, &flipped), 403),
    ] {
        let reply = browser.clone().get(&site, &url).await;
        assert_eq!(reply.status(), expected, "{case}");
        assert!(reply.set_cookies().is_empty(), "{case}");
    }
    let stranger = Browser::new().get(&site, &callback).await;
    assert_eq!(stranger.status(), StatusCode::FORBIDDEN, "another browser");

    let mut copy = browser.clone();
    assert_eq!(
        browser.get(&site, &callback).await.status(),
        StatusCode::FOUND
    );
    let again = copy.get(&site, &callback).await;
    assert_eq!(again.status(), StatusCode::FORBIDDEN, "used");
    assert!(again.set_cookies().is_empty());

    let mut slow = Browser::new();
    let callback = to_callback(&mut slow, &site, PREFIX).await;
    clock.advance(TimeDelta::seconds(600));
    let late = slow.get(&site, &callback).await;
    assert_eq!(late.status(), StatusCode::FORBIDDEN, "too old");
    clock.advance(TimeDelta::seconds(-3_600));
    let earlier = slow.get(&site, &callback).await;
    let status = earlier.status();
    assert_eq!(status, StatusCode::FORBIDDEN, "the clock was set back");
    assert_eq!(site.hub.calls("POST /oauth2/token"), 1);
}
