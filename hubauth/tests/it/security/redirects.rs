//! Case 21 at the service: no way back from the login leads out of it, however its address is written.

use std::convert::Infallible;

use http::{Request, Response};
use hubauth::oauth::next::within;
use tower::{Layer as _, ServiceExt as _, service_fn};
use url::Url;

use crate::harness::{PREFIX, Site};

/// Starts, slashes, names and ends that have fooled validators, in every combination.
fn hostile() -> Vec<String> {
    let starts = [
        "",
        "/",
        PREFIX,
        "/services/demo",
        "/services/demo/..",
        "/services/demo/%2e%2e/..",
        "/.",
        "/%2e",
        "http:",
        "https:",
        "HTTPS:",
        "javascript:",
        "data:text/html,",
        "https:/\t",
        "\u{a0}",
        "\\",
    ];
    let slashes = [
        "",
        "/",
        "//",
        "///",
        "/\\",
        "\\/",
        "\\\\",
        "/%2f",
        "%2f%2f",
        "%5c%5c",
        "/\t/",
        "/\r\n/",
        "/\u{0}/",
        "/;/",
        "/.//",
        "/..//",
        "/%09/",
        "\u{2215}\u{2215}",
    ];
    let hosts = [
        "evil.example",
        "user@evil.example",
        "site.test@evil.example",
        "site.test:80@evil.example",
        "evil.example%00.site.test",
        "evil%E3%80%82example",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "[::ffff:7f00:1]",
    ];
    let ends = [
        "",
        "/",
        "/services/demo/",
        "?services/demo/",
        "#/services/demo/",
    ];
    let mut all = Vec::new();
    for start in starts {
        for slash in slashes {
            for host in hosts {
                all.extend(ends.map(|end| format!("{start}{slash}{host}{end}")));
            }
        }
    }
    all
}

#[test]
fn case_21_no_way_back_leaves_the_service() {
    let page = Url::parse("https://site.test/services/demo/oauth_callback?code=x").unwrap();
    let hostile = hostile();
    assert!(hostile.len() > 10_000);
    let mut kept = 0;
    for prefix in [PREFIX, "/"] {
        for candidate in &hostile {
            let Some(next) = within(prefix, candidate) else {
                continue;
            };
            kept += 1;
            let end = page.join(&next).unwrap();
            let stays = end.origin() == page.origin()
                && (end.path().starts_with(prefix) || end.path() == prefix.trim_end_matches('/'));
            assert!(stays, "{prefix} {candidate:?}: {next:?} leads to {end}");
        }
    }
    assert!(
        kept > 100,
        "some are odd pages of the service itself: {kept}"
    );
}

#[tokio::test]
async fn case_21_logins_end_in_the_service() {
    let site = Site::start().await;
    site.hub.log_in(Some("alice"));
    // A service that answers every path.
    let app = site
        .auth
        .layer()
        .layer(service_fn(async |_: Request<String>| {
            Ok::<_, Infallible>(Response::new(String::new()))
        }));
    let ask = async |path: &str, cookies: &str| {
        let request = Request::get(path).header("cookie", cookies);
        let request = request.body(String::new()).unwrap();
        app.clone().oneshot(request).await.unwrap()
    };
    let header = |reply: &http::HeaderMap, name: &str| -> String {
        let value = reply.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default().to_owned()
    };
    let page = Url::parse("https://site.test/services/demo/oauth_callback").unwrap();
    let mut logins = 0;
    // Those that can be the path of a request at all.
    for candidate in hostile()
        .iter()
        .filter(|text| text.starts_with('/'))
        .step_by(7)
    {
        if candidate.parse::<http::Uri>().is_err() {
            continue;
        }
        let stranger = ask(candidate, "").await;
        let state = header(stranger.headers(), "set-cookie");
        let to_hub = header(stranger.headers(), "location");
        let back = site.get(&to_hub, &[]).await;
        let end = ask(back.location(), state.split(';').next().unwrap()).await;
        let location = header(end.headers(), "location");
        let target = page.join(&location).unwrap();
        assert_eq!(target.origin(), page.origin(), "{candidate:?}: {end:?}");
        let inside = target.path().starts_with("/services/demo");
        assert!(inside && !location.is_empty(), "{candidate:?}: {location}");
        logins += 1;
    }
    assert!(logins > 100, "{logins}");
}
