use std::collections::BTreeMap;

use super::*;
use crate::cli;

fn args(options: &[&str]) -> Args {
    cli::parse_from(std::iter::once("hub-proxy").chain(options.iter().copied())).unwrap()
}

fn config(options: &[&str]) -> Result<Config, String> {
    Config::from_args(&args(options), &BTreeMap::new()).map_err(|error| error.to_string())
}

fn process(options: &[&str]) -> Result<ProcessConfig, String> {
    ProcessConfig::from_args(&args(options)).map_err(|error| error.to_string())
}

#[test]
fn listeners_default_as_upstream() {
    let tcp = |host: &str, port| Bind::Tcp(host.to_owned(), port);
    for (options, public, api) in [
        (vec![], tcp("", 8000), tcp("localhost", 8001)),
        (
            vec!["--port", "9000"],
            tcp("", 9000),
            tcp("localhost", 9001),
        ),
        (vec!["--port", "0"], tcp("", 0), tcp("localhost", 0)),
        (
            vec!["--ip", "", "--port=1", "--api-port=5"],
            tcp("", 1),
            tcp("localhost", 5),
        ),
        (
            vec!["--ip", "*", "--api-ip", "::1"],
            tcp("", 8000),
            tcp("::1", 8001),
        ),
        (
            vec!["--ip", "0.0.0.0"],
            tcp("0.0.0.0", 8000),
            tcp("localhost", 8001),
        ),
        (
            vec!["--socket", "/s"],
            Bind::Unix("/s".into()),
            tcp("localhost", 8001),
        ),
        (
            vec!["--api-socket=/a", "--api-ip=h", "--api-port=1"],
            tcp("", 8000),
            Bind::Unix("/a".into()),
        ),
    ] {
        let process = process(&options).unwrap();
        assert_eq!((process.public, process.api), (public, api), "{options:?}");
    }
    assert_eq!(
        process(&["--log-level", "DEBUG"]).unwrap().log_level,
        Level::DEBUG
    );
    assert!(
        process(&["--port", "65535"])
            .unwrap_err()
            .contains("--api-port")
    );
    assert!(
        process(&["--log-level", "loud"])
            .unwrap_err()
            .contains("debug, info, warn")
    );
}

#[test]
fn other_listeners_are_where_they_are_wanted() {
    let tcp = |host: &str, port| Bind::Tcp(host.to_owned(), port);
    for (options, redirect, metrics) in [
        (vec![], None, None),
        (vec!["--metrics-port=9"], None, Some(tcp("", 9))),
        (
            vec!["--metrics-ip=::1", "--metrics-port=9"],
            None,
            Some(tcp("::1", 9)),
        ),
        (
            vec!["--metrics-socket=/m"],
            None,
            Some(Bind::Unix("/m".into())),
        ),
        (
            vec!["--ip=::1", "--port=8443", "--redirect-port=80"],
            Some((tcp("::1", 80), 8443)),
            None,
        ),
        (
            vec!["--port=8443", "--redirect-port=80", "--redirect-to=443"],
            Some((tcp("", 80), 443)),
            None,
        ),
        (
            vec!["--socket=/s", "--redirect-port=80", "--redirect-to=443"],
            Some((tcp("", 80), 443)),
            None,
        ),
        (vec!["--port=80", "--redirect-port=81"], None, None),
    ] {
        let process = process(&options).unwrap();
        assert_eq!(
            (process.redirect, process.metrics),
            (redirect, metrics),
            "{options:?}"
        );
    }
    let error = process(&["--socket=/s", "--redirect-port=80"]).unwrap_err();
    assert!(error.contains("--redirect-to"), "{error}");
}

#[test]
fn what_jupyterhub_passes_is_understood() {
    let options = [
        "--ip",
        "127.0.0.1",
        "--port",
        "21000",
        "--api-ip",
        "127.0.0.1",
        "--api-port",
        "21001",
        "--error-target",
        "http://127.0.0.1:21081/hub/error",
        "--log-level",
        "info",
        "--host-routing",
    ];
    let config = config(&options).unwrap();
    assert!(config.host_routing);
    assert_eq!(
        config.error_pages,
        ErrorSource::Target("http://127.0.0.1:21081/hub/error".into())
    );
}

#[test]
fn what_cannot_be_done_is_refused() {
    for (options, part) in [
        (
            vec!["--error-target", "http://h", "--error-path", "/x"],
            "Pick one",
        ),
        (vec!["--error-target", "nonsense"], "--error-target: "),
        (vec!["--default-target", "ftp://h"], "--default-target: "),
        (vec!["--custom-header", "nocolon"], "colon was expected"),
        (vec!["--custom-header", ":x"], "colon was expected"),
        (vec!["--protocol-rewrite", "gopher"], "http or https"),
        (vec!["--ssl-ca", "k"], "--ssl-ca needs TLS"),
        (vec!["--ssl-request-cert"], "--ssl-request-cert needs TLS"),
        (
            vec!["--api-ssl-reject-unauthorized"],
            "--api-ssl-reject-unauthorized needs TLS",
        ),
        (vec!["--ssl-key=k", "--ssl-request-cert"], "needs --ssl-ca"),
        (vec!["--ssl-allow-rc4"], "RC4 is broken"),
        (vec!["--ssl-protocol", "TLSv1_1"], "choose TLSv1_2"),
        (
            vec!["--ssl-protocol=TLSv1_2", "--ssl-ciphers=RC4"],
            "leaves nothing",
        ),
        (vec!["--redirect-port", "80"], "--redirect-port needs TLS"),
        (vec!["--hsts", "1"], "--hsts needs TLS"),
        (vec!["--access-log", "xml"], "off, text or json"),
        (vec!["--trusted-proxies", "h"], "--trusted-proxies h: "),
        (vec!["--max-header-bytes", "70000"], "1024 to 65536"),
        (vec!["--max-headers", "1"], "10 to 1000"),
        (vec!["--storage-backend", "x"], "--storage-backend x"),
        (vec!["--storage-backend", "file"], "belong together"),
        (vec!["--storage-file", "x"], "belong together"),
    ] {
        let error = config(&options).unwrap_err();
        assert!(error.contains(part), "{options:?}: {error}");
    }
}

#[test]
fn certificates_are_ordered_with_all_that_is_needed() {
    const ALL: [&str; 5] = [
        "--acme-domain=Hub.Example.org.",
        "--acme-domain=b.example.org",
        "--acme-folder=/d",
        "--acme-accept-terms",
        "--acme-contact=admin@example.org",
    ];
    let with = |more: &[&str]| config(&[&ALL, more].concat());
    let acme = with(&[]).unwrap().acme.unwrap();
    assert_eq!(acme.domains, ["hub.example.org", "b.example.org"]);
    assert_eq!(acme.contacts, ["mailto:admin@example.org"]);
    assert!(acme.directory.contains("acme-v02.api.letsencrypt.org"));
    assert!(with(&["--hsts=1", "--redirect-port=80"]).is_ok());
    for (options, part) in [
        (
            vec!["--acme-folder=/d"],
            "--acme-folder needs --acme-domain",
        ),
        (
            vec!["--acme-contact=a@b.c"],
            "--acme-contact needs --acme-domain",
        ),
        (
            vec!["--acme-directory=https://x/"],
            "--acme-directory needs",
        ),
        (vec!["--acme-challenge=http-01"], "--acme-challenge needs"),
        (
            [
                &ALL[..],
                &[
                    "--acme-challenge=http-01",
                    "--port=80",
                    "--redirect-port=81",
                ],
            ]
            .concat(),
            "beside another public port",
        ),
        (vec!["--acme-domain=h.org"], "needs --acme-folder"),
        (
            vec!["--acme-domain=h.org", "--acme-folder=/d"],
            "--acme-accept-terms",
        ),
        (
            [&ALL[..], &["--ssl-cert=x"]].concat(),
            "leave out --ssl-cert",
        ),
        (
            [&ALL[..], &["--acme-challenge=http-01"]].concat(),
            "needs --redirect-port",
        ),
        (
            [&ALL[..], &["--acme-domain=*.h.org"]].concat(),
            "wildcards need DNS",
        ),
        (
            [&ALL[..], &["--acme-domain=10.0.0.1"]].concat(),
            "an address gets no",
        ),
        ([&ALL[..], &["--acme-domain=a b"]].concat(), "no DNS name"),
        (
            [&ALL[..], &["--acme-contact=me"]].concat(),
            "one mail address",
        ),
        (
            [&ALL[..], &["--acme-directory=http://x/"]].concat(),
            "https URL",
        ),
    ] {
        let error = config(&options).unwrap_err();
        assert!(error.contains(part), "{options:?}: {error}");
    }
}

#[test]
fn values_take_effect() {
    let config = config(&[
        "--no-x-forward",
        "--no-prepend-path",
        "--no-include-prefix",
        "--change-origin",
        "--auto-rewrite",
        "--protocol-rewrite",
        "https",
        "--custom-header",
        "k1:v1",
        "--custom-header",
        " k2 : v2 ",
        "--timeout=5",
        "--proxy-timeout",
        "6",
        "--keep-alive-timeout",
        "7",
        "--default-target",
        "http://h",
        "--storage-backend=file",
        "--storage-file=/r",
    ])
    .unwrap();
    assert_eq!(config.storage, Storage::File("/r".into()));
    let forward = &config.forward;
    assert!(!forward.x_forward && !forward.prepend_path && !forward.include_prefix);
    assert!(forward.change_origin && forward.rewrite.host);
    assert_eq!(forward.rewrite.protocol.as_deref(), Some("https"));
    let headers: Vec<_> = forward
        .custom_headers
        .iter()
        .map(|(n, v)| format!("{n}={}", v.to_str().unwrap()))
        .collect();
    assert_eq!(headers, ["k1=v1", "k2=v2"]);
    assert_eq!(config.limits.silence, Some(Duration::from_millis(5)));
    assert_eq!(forward.proxy_timeout, Some(Duration::from_millis(6)));
    assert_eq!(config.limits.keep_alive, Duration::from_millis(7));
}

#[test]
fn an_empty_token_is_none() {
    let token = |value: &str| {
        let env = BTreeMap::from([(CONFIGPROXY_AUTH_TOKEN.to_owned(), value.to_owned())]);
        Config::from_args(&args(&[]), &env).unwrap().token
    };
    assert_eq!(token(""), None);
    assert_eq!(token("x"), Some(Token::from_config("x")));
}
