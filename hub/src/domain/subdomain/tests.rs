use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

fn below(url: &str, hook: Hook) -> Subdomains {
    Subdomains::new(&Url::parse(url).unwrap(), hook).unwrap()
}

fn user(hook: Hook, name: &str) -> String {
    below("https://domain", hook).of_user(&Username::stored(name))
}

#[test]
fn recorded_from_jupyterhub() {
    let long = "a".repeat(64);
    for (name, idna, legacy) in [
        ("safe", "safe", "safe"),
        ("has--doubledash", "u-hasdoubl--cb052ae", "has--doubledash"),
        (
            "uhasdoubl--cb052ae",
            "u-uhasdoub--3c0d1c9",
            "uhasdoubl--cb052ae",
        ),
        ("üni", "xn--ni-wka", "_c3_bcni"),
        ("xn--ni-wka", "u-xnniwka--ceb4edd", "xn--ni-wka"),
        ("x", "x", "x"),
        ("-pre", "u-pre--0e46e7b", "-pre"),
        ("É", "u-x--a755f65", "_c3_89"),
        ("é", "xn--9ca", "_c3_a9"),
        (&long, "u-aaaaaaaa--ffe054f", &long),
        ("a.b", "u-ab--2e7336d", "a.b"),
        ("a_b~c@d", "u-abcd--78b30fe", "a_5fb_7ec_40d"),
        ("123", "u-123--a665a45", "123"),
    ] {
        assert_eq!(user(Hook::Idna, name), format!("{idna}.domain"), "{name}");
        assert_eq!(
            user(Hook::Legacy, name),
            format!("{legacy}.domain"),
            "{name}"
        );
    }
    let service = |hook| below("https://domain", hook).of_service(&ServiceName::stored("whoami"));
    assert_eq!(service(Hook::Idna), "whoami--service.domain");
    assert_eq!(service(Hook::Legacy), "services.domain");
}

/// Made with JupyterHub 6.1's own function.
#[test]
fn names_of_the_world() {
    for (name, expected) in [
        ("jos\u{e9}", "xn--jos-dma"),
        ("na\u{ef}ve.user", "u-naveuser--4fc424f"),
        ("\u{7528}\u{6237}", "xn--zouo53b"),
        (
            "\u{43f}\u{43e}\u{43b}\u{44c}\u{437}\u{43e}\u{432}\u{430}\u{442}\u{435}\u{43b}\u{44c}",
            "xn--80adkftepcf0b7gh",
        ),
        ("\u{df}", "xn--zca"),
        ("stra\u{df}e", "xn--strae-oqa"),
        ("\u{fb01}", "u-x--b6554cc"),
        ("\u{2167}", "u-x--bb15e9e"),
        ("\u{2615}", "u-x--cf1f91e"),
        ("a\u{2615}", "u-a--dcf040b"),
        ("\u{660}\u{661}", "u-x--4eb9b51"),
        ("\u{5e9}\u{5dc}\u{5d5}\u{5dd}", "xn--9dbne9b"),
        ("\u{5e9}\u{5dc}\u{5d5}\u{5dd}a", "u-a--4b03841"),
        ("a\u{5e9}\u{5dc}\u{5d5}\u{5dd}", "u-a--0750a71"),
        (
            "\u{928}\u{92e}\u{938}\u{94d}\u{924}\u{947}",
            "xn--h2bhs4b8d8a",
        ),
        ("\u{e44}\u{e17}\u{e22}", "xn--o3cw4h"),
        ("l\u{b7}l", "xn--ll-0ea"),
        ("l\u{b7}a", "u-la--68b00aa"),
        ("user@example.org", "u-userexam--d159ef6"),
        ("\u{540d}\u{524d}-1", "xn---1-7j5cj0e"),
        ("\u{e9}-", "u-x--0236661"),
        ("-\u{e9}", "u-x--2546b3d"),
        ("xn-\u{e9}", "xn--xn--dma"),
        ("ab--\u{e9}", "u-ab--9384b3c"),
        ("\u{3c9}", "xn--bya"),
        ("e\u{308}", "u-e--8902b87"),
        ("\u{1100}", "u-x--3203ef1"),
        ("\u{ac01}", "xn--p39a"),
        ("\u{ff11}\u{ff12}\u{ff13}", "u-x--307022e"),
        ("\u{9e7}\u{9e8}\u{9e9}", "xn--17bcd"),
        ("a\u{200d}b", "u-ab--57d3077"),
        ("\u{915}\u{94d}\u{200d}\u{937}", "xn--11b2ezcw70k"),
        ("no space", "u-nospace--03f9cb9"),
        ("a\u{20dd}", "u-a--5cbfebf"),
        ("a\u{fe0f}", "u-a--97301a3"),
        ("\u{3005}", "xn--u6j"),
        ("\u{30fc}", "xn--wek"),
        ("\u{301}a", "u-a--cb52dae"),
        ("a_\u{e9}", "u-a--a336612"),
        ("\u{627}\u{661}", "xn--mgb0j"),
        ("\u{627}\u{6f1}", "xn--mgb81b"),
    ] {
        assert_eq!(
            user(Hook::Idna, name),
            format!("{expected}.domain"),
            "{name}"
        );
    }
}

#[test]
fn origins_have_scheme_and_port_of_the_host() {
    let alice = Username::stored("alice");
    for (url, expected) in [
        ("https://hub.example", "https://alice.hub.example"),
        ("http://Hub.Test:8000", "http://alice.hub.test:8000"),
        ("https://hub.example:443/", "https://alice.hub.example"),
    ] {
        let hosts = below(url, Hook::Idna);
        assert_eq!(hosts.origin(&hosts.of_user(&alice)), expected);
    }
    for address in ["http://127.0.0.1:8000", "http://[::1]"] {
        assert_eq!(
            Subdomains::new(&Url::parse(address).unwrap(), Hook::Idna),
            None
        );
    }
}

#[test]
fn what_is_below() {
    let hosts = below("https://hub.example:8443", Hook::Idna);
    for host in [
        "alice.hub.example",
        "Alice.HUB.example:8443",
        "a.b.hub.example",
        "x.hub.example.",
    ] {
        assert!(hosts.is_below(host), "{host}");
    }
    for host in [
        "hub.example",
        "hub.example:8443",
        ".hub.example",
        "evilhub.example",
        "hub.example.evil",
        "127.0.0.1:8081",
        "[::1]:80",
        "",
    ] {
        assert!(!hosts.is_below(host), "{host}");
    }
    let path = "/user/alice/lab?x#y";
    for origin in ["https://alice.hub.example:8443", "//alice.hub.example:8443"] {
        assert_eq!(
            hosts.path_of(&format!("{origin}{path}")),
            Some(path),
            "{origin}"
        );
    }
    for origin in [
        "http://alice.hub.example:8443",
        "https://alice.hub.example",
        "https://alice.hub.example:443",
        "https://u@alice.hub.example:8443",
        "https://hub.example:8443",
        "https://evil/.hub.example:8443",
        "https:alice.hub.example:8443",
        "javascript://alice.hub.example:8443",
        "https://evil\\.hub.example:8443",
        "https://evil%2f.hub.example:8443",
        "///alice.hub.example:8443",
        "",
    ] {
        assert_ne!(
            hosts.path_of(&format!("{origin}{path}")),
            Some(path),
            "{origin}"
        );
    }
    assert_eq!(hosts.path_of("https://alice.hub.example:8443"), None);
}

proptest! {
    #[test]
    fn every_name_becomes_a_valid_label(name in "\\PC{1,80}") {
        let host = user(Hook::Idna, &name);
        let label = host.strip_suffix(".domain").unwrap();
        prop_assert!(is_label(label), "{name:?} {label:?}");
        prop_assert_eq!(label.to_lowercase(), label);
        // `--` in the third place is IDNA's alone.
        prop_assert!(label.get(2..4) != Some("--") || label.starts_with("xn--"), "{:?}", label);
        let service = below("https://domain", Hook::Idna).of_service(&ServiceName::stored(&name));
        prop_assert!(service.len() <= ".domain".len() + LONGEST_LABEL);
        prop_assert_ne!(service, host);
    }

    #[test]
    fn names_do_not_meet(names in proptest::collection::hash_set("[a-z0-9é.@_-]{1,6}|xn--[a-z0-9-]{1,6}|u-[a-z]{1,3}--[0-9a-f]{7}|[a-z]{1,4}--service", 1..40)) {
        let mut seen = HashMap::new();
        let hosts = below("https://domain", Hook::Idna);
        for name in &names {
            for host in [hosts.of_user(&Username::stored(name)), hosts.of_service(&ServiceName::stored(name))] {
                prop_assert_eq!(seen.insert(host.clone(), name), None, "{}", host);
            }
        }
    }
}
