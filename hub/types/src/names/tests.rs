//! Tests.

use proptest::prelude::*;

use super::*;

#[test]
fn usernames() {
    for good in [
        "alice",
        "Ada Lovelace",
        "a@b.org",
        "ünï",
        "иван",
        "山田",
        "δημήτρης",
        "a%b",
        "-rf",
        "a.b",
        r#"o'neil"\x"#,
    ] {
        assert!(Username::new(good).is_ok(), "{good}");
    }
    for (bad, why) in [
        ("", InvalidName::Empty),
        ("   ", InvalidName::Empty),
        ("a/b", InvalidName::Slash),
        ("..", InvalidName::Dots),
        ("%2e%2E", InvalidName::Dots),
        (" a", InvalidName::Space),
        ("a\nb", InvalidName::Invisible),
        ("a\u{202e}b", InvalidName::Invisible),
        ("a\u{200b}b", InvalidName::Invisible),
        ("a\u{200d}b", InvalidName::Invisible),
        ("a\u{ad}b", InvalidName::Invisible),
        ("a\u{a0}b", InvalidName::Invisible),
        ("\u{301}a", InvalidName::Invisible),
        ("a\u{e000}", InvalidName::Invisible),
        ("a\u{fffd}", InvalidName::Invisible),
        ("e\u{301}", InvalidName::NotComposed),
        ("\u{430}lice", InvalidName::MixedScripts),
        ("\u{3b1}lice", InvalidName::MixedScripts),
    ] {
        assert_eq!(Username::new(bad), Err(why), "{bad:?}");
    }
    assert!(Username::new(&"a".repeat(255)).is_ok());
    assert!(Username::new(&"a".repeat(256)).is_err());
}

#[test]
fn a_pattern_widens_only_so_far() {
    for good in ["a\u{200d}b", "\u{430}lice", "a\u{ad}b"] {
        assert!(Username::new_by_pattern(good).is_ok(), "{good:?}");
    }
    for bad in [
        "",
        "a/b",
        "..",
        "%2e",
        " a",
        "a\nb",
        "a\0b",
        "a\u{202e}b",
        "a\u{200b}b",
        "e\u{301}",
    ] {
        assert!(Username::new_by_pattern(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn one_person_has_one_name() {
    for (typed, expected) in [
        (" Alice ", "alice"),
        ("ＡＬＩＣＥ", "alice"),
        ("E\u{301}va", "éva"),
        ("ÉVA", "éva"),
        ("\u{3000}alice", "alice"),
        ("K", "k"),
        ("ß", "ß"),
        ("ẞ", "ß"),
        ("İ", "i\u{307}"),
        ("ﬁn", "fin"),
    ] {
        assert_eq!(normalise(typed), expected, "{typed:?}");
    }
}

proptest! {
    #[test]
    fn normalising_twice_changes_nothing(typed in "\\PC{0,12}") {
        let once = normalise(&typed);
        prop_assert_eq!(normalise(&once), once);
    }

    #[test]
    fn escaping_is_injective_and_one_segment(name in "\\PC{0,12}", other in "\\PC{0,12}") {
        let (one, two) = (escape(&name), escape(&other));
        prop_assert_eq!(one == two, name == other);
        prop_assert!(!one.contains(['/', '?', '#', '\\', ';', '"', ' ']));
        prop_assert_eq!(percent_decode_str(&one).decode_utf8().unwrap(), name);
    }
}

#[test]
fn server_names_are_slugs() {
    for good in ["", "gpu", "a-1", "a"] {
        assert!(ServerName::new(good).is_ok(), "{good}");
    }
    for bad in ["-a", "a-", "a--b", "1a", "A", "a b", "a/b", &"a".repeat(31)] {
        assert!(ServerName::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn service_names_need_no_escaping() {
    assert!(ServiceName::new("cull-idle").is_ok());
    for bad in ["a b", "%2e%2e", "a%20b", "é", "a/b", ".."] {
        assert!(ServiceName::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn escaping_is_pythons() {
    assert_eq!(escape("a b@c/~d"), "a%20b@c%2F~d");
    assert_eq!(escape_client_id("a b@c/~d"), "a%20b%40c/~d");
}
