use super::*;

fn map(lines: &[(&str, &str)]) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| {
            (
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        })
        .collect()
}

fn lines(headers: &HeaderMap) -> Vec<String> {
    let mut all: Vec<_> = headers
        .iter()
        .map(|(n, v)| format!("{n}: {}", v.to_str().unwrap()))
        .collect();
    all.sort();
    all
}

const HERE: Origin = Origin {
    peer: Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)),
    tls: false,
};

#[test]
fn hop_by_hop_headers_go_both_ways() {
    for name in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ] {
        let mut headers = map(&[(name, "x"), ("accept", "y")]);
        strip_hop_by_hop(&mut headers);
        assert_eq!(lines(&headers), ["accept: y"]);
    }
    let mut headers = map(&[
        ("connection", "X-A, close"),
        ("connection", "x-b"),
        ("x-a", "1"),
        ("X-B", "2"),
        ("c", "3"),
    ]);
    strip_hop_by_hop(&mut headers);
    assert_eq!(lines(&headers), ["c: 3"]);
}

#[test]
fn forwarded_headers_are_appended() {
    for (given, upgrade, tls, expected) in [
        (
            vec![("host", "h:8000")],
            false,
            false,
            vec![
                "host: h:8000",
                "x-forwarded-for: 127.0.0.1",
                "x-forwarded-host: h:8000",
                "x-forwarded-port: 8000",
                "x-forwarded-proto: http",
            ],
        ),
        (
            vec![
                ("host", "h"),
                ("x-forwarded-for", "9.9.9.9"),
                ("x-forwarded-for", "8.8.8.8"),
                ("x-forwarded-host", "front"),
                ("x-forwarded-port", "443"),
                ("x-forwarded-proto", "https"),
            ],
            false,
            false,
            vec![
                "host: h",
                "x-forwarded-for: 9.9.9.9,8.8.8.8,127.0.0.1",
                "x-forwarded-host: front",
                "x-forwarded-port: 443,80",
                "x-forwarded-proto: https,http",
            ],
        ),
        (
            vec![
                ("host", "[::1]"),
                ("connection", "upgrade"),
                ("upgrade", "websocket"),
            ],
            true,
            true,
            vec![
                "connection: Upgrade",
                "host: [::1]",
                "upgrade: websocket",
                "x-forwarded-for: 127.0.0.1",
                "x-forwarded-port: 443",
                "x-forwarded-proto: wss",
            ],
        ),
        (
            vec![
                ("host", "[::1]:81"),
                ("connection", "x-forwarded-for"),
                ("x-forwarded-for", "9.9.9.9"),
                ("x_forwarded_for", "6.6.6.6"),
                ("x.forwarded.host", "evil"),
                ("x_real_ip", "6.6.6.6"),
                ("x.scheme", "https"),
            ],
            false,
            false,
            vec![
                "host: [::1]:81",
                "x-forwarded-for: 127.0.0.1",
                "x-forwarded-host: [::1]:81",
                "x-forwarded-port: 81",
                "x-forwarded-proto: http",
            ],
        ),
    ] {
        let mut headers = map(&given);
        to_target(
            &mut headers,
            &Method::GET,
            Length::None,
            Some((Origin { tls, ..HERE }, None)),
            upgrade,
        );
        assert_eq!(lines(&headers), expected);
    }
}

#[test]
fn requests_say_how_much_body_they_have() {
    for (method, length, given, expected) in [
        (
            Method::DELETE,
            Length::None,
            vec![],
            vec!["content-length: 0"],
        ),
        (Method::GET, Length::None, vec![], vec![]),
        (
            Method::POST,
            Length::Known,
            vec![("content-length", "3")],
            vec!["content-length: 3"],
        ),
        (
            Method::POST,
            Length::Unknown,
            vec![("transfer-encoding", "chunked"), ("expect", "100-continue")],
            vec!["transfer-encoding: chunked"],
        ),
        (
            Method::GET,
            Length::Unknown,
            vec![],
            vec!["transfer-encoding: chunked"],
        ),
    ] {
        let mut headers = map(&given);
        to_target(&mut headers, &method, length, None, false);
        assert_eq!(lines(&headers), expected);
    }
}

#[test]
fn everything_else_is_kept() {
    let given = [
        ("authorization", "token x"),
        ("cookie", "a=b"),
        ("forwarded", "for=1"),
        ("set-cookie", "a"),
        ("set-cookie", "b"),
    ];
    let mut headers = map(&given);
    to_client(&mut headers);
    assert_eq!(headers.len(), 5);
    let mut headers = map(&[("content-length", "5"), ("transfer-encoding", "chunked")]);
    to_client(&mut headers);
    assert!(headers.is_empty());
}

#[test]
fn locations_of_the_target_are_rewritten() {
    let target = Target::parse("http://10.0.0.1:8888").unwrap();
    let both = LocationRewrite {
        host: true,
        protocol: Some("https".into()),
    };
    let host = LocationRewrite {
        host: true,
        protocol: None,
    };
    for (rewrite, status, location, expected) in [
        (
            &both,
            302,
            "http://10.0.0.1:8888/x?y",
            "https://front:8443/x?y",
        ),
        (&host, 301, "http://10.0.0.1:8888/x", "http://front:8443/x"),
        (
            &both,
            303,
            "http://10.0.0.1:8888/x",
            "http://10.0.0.1:8888/x",
        ),
        (
            &both,
            302,
            "http://10.0.0.1:9999/x",
            "http://10.0.0.1:9999/x",
        ),
        (&both, 302, "/relative", "/relative"),
        (
            &LocationRewrite::default(),
            302,
            "http://10.0.0.1:8888/x",
            "http://10.0.0.1:8888/x",
        ),
    ] {
        let mut headers = map(&[("location", location)]);
        let client = HeaderValue::from_static("front:8443");
        rewrite_location(
            rewrite,
            StatusCode::from_u16(status).unwrap(),
            &mut headers,
            &target,
            Some(&client),
        );
        assert_eq!(headers[LOCATION], expected, "{location} {status}");
    }
}

#[test]
fn switches_are_recognised() {
    assert!(is_websocket_switch(&map(&[
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket")
    ])));
    assert!(!is_websocket_switch(&map(&[
        ("connection", "Upgrade"),
        ("upgrade", "h2c")
    ])));
    assert!(!is_websocket_switch(&map(&[("upgrade", "websocket")])));
}
