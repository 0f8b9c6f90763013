//! Tests.

use super::*;

fn parts(pairs: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::get("/services/x/");
    for (name, value) in pairs {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn config() -> HubAuthConfig {
    HubAuthConfig::new(Token::from_config("t"))
        .unwrap()
        .with_client_id("service-x")
        .with_service_prefix("/services/x/")
}

#[test]
fn attributes() {
    let sealer = Sealer::new(b"k");
    let token = Token::from_config("secret-token");
    let now = DateTime::from_timestamp(1_000, 0).unwrap();
    let later = DateTime::from_timestamp(1_600, 0).unwrap();
    let jar = CookieJar::for_config(&config());
    let https = parts(&[("x-forwarded-proto", "https")]);
    let plain = jar
        .token_cookie(&parts(&[]), &sealer, &token, Some((now, later)))
        .to_string();
    assert!(plain.starts_with("service-x="), "{plain}");
    assert!(
        plain.ends_with("; HttpOnly; SameSite=Lax; Path=/services/x/; Max-Age=600"),
        "{plain}"
    );
    assert!(!plain.contains("secret-token"));
    let secure = jar.token_cookie(&https, &sealer, &token, None).to_string();
    assert!(
        secure.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/services/x/"),
        "{secure}"
    );
    let xsrf = jar.xsrf_cookie(&parts(&[]), "v".into()).to_string();
    assert_eq!(xsrf, "_xsrf=v; SameSite=Lax; Path=/services/x/");
    let mut host = config();
    host.cookie_host_prefix = true;
    host.cookie_options.domain = Some("example".into());
    let host = CookieJar::for_config(&host)
        .token_cookie(&parts(&[]), &sealer, &token, None)
        .to_string();
    assert!(
        host.starts_with("__Host-service-x=")
            && host.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/"),
        "{host}"
    );
}

#[test]
fn lives_and_paths_as_configured() {
    let sealer = Sealer::new(b"k");
    let token = Token::from_config("secret-token");
    let now = DateTime::from_timestamp(1_000, 0).unwrap();
    let made = |life, until: i64| {
        let mut config = config().with_callback_url("https://h.example/_hub/oauth_callback");
        config.cookie_options.life = life;
        let jar = CookieJar::for_config(&config);
        let until = DateTime::from_timestamp(until, 0).unwrap();
        let cookie = jar.token_cookie(&parts(&[]), &sealer, &token, Some((now, until)));
        let state = jar.state_cookie(&parts(&[]), "12345678", "x");
        assert_eq!(state.path(), Some("/_hub/"));
        let paths = jar.token_cookies(&parts(&[]), &sealer, &token, None);
        let paths: Vec<_> = paths.iter().map(|cookie| cookie.path().unwrap()).collect();
        assert_eq!(paths, ["/services/x/", "/_hub/"]);
        assert_eq!(state.max_age(), Some(Duration::seconds(600)));
        cookie.max_age().map(Duration::whole_seconds)
    };
    let hour = std::time::Duration::from_secs(3600);
    assert_eq!(made(CookieLife::Token, 1_600), Some(600));
    assert_eq!(made(CookieLife::Session, 1_600), None);
    assert_eq!(made(CookieLife::AtMost(hour), 1_600), Some(600));
    assert_eq!(made(CookieLife::AtMost(hour), 9_000), Some(3600));
}

#[test]
fn tokens_are_ours_and_not_ended() {
    let sealer = Sealer::new(b"k");
    let jar = CookieJar::for_config(&config());
    let (now, later) = (
        DateTime::from_timestamp(1_000, 0).unwrap(),
        DateTime::from_timestamp(1_600, 0).unwrap(),
    );
    let made = |token: &str, sealer: &Sealer| {
        let cookie = jar.token_cookie(
            &parts(&[]),
            sealer,
            &Token::from_config(token),
            Some((now, later)),
        );
        cookie.value().to_owned()
    };
    let line = format!(
        "service-x=junk; service-x={}; service-x={}; service-y={}",
        made("foreign", &Sealer::new(b"other")),
        made("mine", &sealer),
        made("elsewhere", &sealer)
    );
    let request = parts(&[("cookie", &line)]);
    let read = |now| {
        jar.tokens(&request.headers, &sealer, now)
            .map(|token| token.expose().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(read(now), ["mine"]);
    assert_eq!(read(later), Vec::<String>::new());
    assert!(jar.has_token(&request.headers));
}

#[test]
fn states_of_several_tabs() {
    let jar = CookieJar::for_config(&config());
    let (suffix, binding) = state::new_binding();
    let line = format!(
        "service-x-oauth-state-{suffix}={}; service-x-oauth-state-bad=1; service-x-oauth-state-12345678=ü",
        binding.expose()
    );
    let request = parts(&[]);
    let mut request = request;
    request.headers.insert(
        "cookie",
        http::HeaderValue::from_bytes(line.as_bytes()).unwrap(),
    );
    // A line that is not ASCII is not read at all; one that is, only as far as it is ours.
    assert_eq!(jar.states(&request.headers).count(), 0);
    let line = line.replace('ü', "x");
    request.headers.insert("cookie", line.parse().unwrap());
    assert_eq!(
        jar.states(&request.headers).collect::<Vec<_>>(),
        [(suffix.as_str(), binding)]
    );
    let cleared = jar.clear_states(&request);
    assert_eq!(cleared.len(), 1);
    assert!(
        cleared[0].to_string().contains("Max-Age=0"),
        "{}",
        cleared[0]
    );
}
