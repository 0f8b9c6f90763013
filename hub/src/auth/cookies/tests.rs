//! What cookies say, and whom they are believed.

use super::*;

#[test]
fn attributes() {
    let style = CookieStyle {
        base: BaseUrl::new("/pfx/"),
        domain: None,
        secure: true,
        host_prefix: false,
    };
    let text = style.login("v".into(), TimeDelta::days(14)).to_string();
    for part in [
        "jupyterhub-hub-login=v",
        "HttpOnly",
        "SameSite=Lax",
        "Secure",
        "Path=/pfx/hub/",
        "Max-Age=1209600",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(
        !style
            .xsrf("x".into(), false)
            .to_string()
            .contains("HttpOnly")
    );
    assert_eq!(style.session("s".into()).path(), Some("/pfx/"));
    assert_eq!(style.session("s".into()).domain(), None);
    let cleared = style.cleared(&[ServiceName::stored("old")]);
    assert!(
        cleared
            .iter()
            .all(|cookie| cookie.to_string().contains("Max-Age=0"))
    );
    let paths: Vec<_> = cleared.iter().filter_map(Cookie::path).collect();
    assert_eq!(
        paths,
        [
            "/pfx/hub/",
            "/pfx/",
            "/pfx/hub/",
            "/pfx/services",
            "/pfx/services/old/"
        ]
    );
    let below = CookieStyle {
        domain: Some("hub.example".into()),
        ..style.clone()
    };
    let shared = below.cleared(&[ServiceName::stored("old")]);
    let shared = shared
        .iter()
        .filter(|cookie| cookie.domain() == Some("hub.example"));
    let names: Vec<_> = shared.map(Cookie::name).collect();
    assert_eq!(names, [SESSION_COOKIE, SERVICES_COOKIE, SERVICES_COOKIE]);
    let host = CookieStyle {
        secure: false,
        host_prefix: true,
        ..style
    };
    let name = state_cookie(true, "one");
    let text = host
        .state(name, "v".into(), TimeDelta::hours(1))
        .to_string();
    assert_ne!(state_cookie(true, "one"), state_cookie(true, "another"));
    for part in [
        "__Host-oauthenticator-state-",
        "=v;",
        "HttpOnly",
        "SameSite=Lax",
        "Secure",
        "Path=/",
        "Max-Age=3600",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = host.login("v".into(), TimeDelta::days(14)).to_string();
    assert!(text.starts_with("__Host-jupyterhub-hub-login=v;"), "{text}");
    assert!(
        text.contains("Path=/;") && text.contains("Secure") && !text.contains("Domain"),
        "{text}"
    );
}

#[test]
fn a_services_cookie_is_good_for_that_service_only() {
    let (keys, now, day) = (
        CookieKeys::new(&[1; 32]),
        DateTime::UNIX_EPOCH,
        TimeDelta::days(1),
    );
    let [mine, other] = ["mine", "other"].map(ServiceName::stored);
    let value = keys.service_value(&mine, "abc", now);
    assert_eq!(
        keys.read_service(&mine, &value, day, now).as_deref(),
        Some("abc")
    );
    assert_eq!(keys.read_service(&other, &value, day, now), None);
    assert_eq!(keys.read_service(&mine, &value, day, now + day + day), None);
    assert_eq!(keys.read_login(&value, day, now), None);
    let login = keys.login_value(&Token::from_config("abc mine"), now);
    assert_eq!(keys.read_service(&mine, &login, day, now), None);
}

#[test]
fn a_browser_is_known_for_its_user_only() {
    let (keys, now) = (CookieKeys::new(&[1; 32]), DateTime::UNIX_EPOCH);
    let value = keys.browser_value("mal", "b1", now);
    let of = |user: &str, days: i64| {
        let values = ["forged", &value].into_iter();
        keys.read_browser(user, values, now + TimeDelta::days(days))
    };
    assert_eq!(of("mal", 89).as_deref(), Some("b1"));
    assert_eq!((of("zoe", 0), of("mal", 91)), (None, None));
    assert_eq!(keys.read_login(&value, TimeDelta::days(1), now), None);
}

#[test]
fn a_name_may_come_more_than_once() {
    let cookies = RequestCookies::parse(["a=1; b=\"2\"", "a=3;bad; =x"].into_iter());
    assert_eq!(cookies.all("a").collect::<Vec<_>>(), ["1", "3"]);
    assert_eq!(cookies.first("b"), Some("\"2\""));
    assert_eq!(cookies.first("bad"), None);
}

#[test]
fn keys_differ_by_purpose_and_not_by_restart() {
    let keys = CookieKeys::new(&[1; 32]);
    assert_eq!(keys.proxy_token(), CookieKeys::new(&[1; 32]).proxy_token());
    assert_ne!(keys.proxy_token().expose(), hex::encode(keys.xsrf()));
}
