//! Where to go after the login: only ever to a page of this hub's own host, which leads on to hosts of users.
//!
//! Source: JupyterHub 6.1's rules (wire contract 6), hardened as security cases 19-21 say. Browsers read URLs by the
//! WHATWG rules (`\` is `/`, tabs and line breaks vanish), so what is kept is rewritten until all readers agree.

use url::Url;

use super::subdomain::Subdomains;

/// A host that cannot exist (RFC 2606): where a checked path must stay.
const OWN: &str = "http://own.invalid";

/// The path (with query and fragment) that `raw` names on one of our own `origins` (`scheme://host[:port]`), safe for a
/// `Location` header. Of a URL on a host of `subdomains` the path counts. `None` when it leads elsewhere, or nowhere.
#[must_use]
pub fn validate(raw: &str, origins: &[&str], subdomains: Option<&Subdomains>) -> Option<String> {
    let mut text: String = raw
        .chars()
        .map(|c| {
            if c == '\\' || c.is_control() || !c.is_ascii() || c == ' ' {
                percent(c)
            } else {
                c.to_string()
            }
        })
        .collect();
    for origin in origins {
        let relative = origin.split_once(':').map_or("", |(_, rest)| rest);
        let rest = text
            .strip_prefix(origin)
            .or_else(|| text.strip_prefix(relative).filter(|_| !relative.is_empty()));
        if let Some(rest) = rest.filter(|rest| rest.starts_with('/')) {
            text = rest.to_owned();
            break;
        }
    }
    if let Some(path) = subdomains.and_then(|all| all.path_of(&text)) {
        text = path.to_owned();
    }
    if !text.starts_with('/') || text.starts_with("//") {
        return None;
    }
    let own = Url::parse(OWN).ok()?;
    let stays = own
        .join(&text)
        .is_ok_and(|url| url.origin() == own.origin());
    stays.then_some(text)
}

fn percent(c: char) -> String {
    let mut bytes = [0; 4];
    c.encode_utf8(&mut bytes)
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ORIGINS: &[&str] = &["http://127.0.0.1:21000"];

    #[test]
    fn recorded_by_upstream() {
        for (raw, expected) in [
            ("/hub/home", Some("/hub/home")),
            ("/user/a/lab?x=1#y", Some("/user/a/lab?x=1#y")),
            (
                "http://127.0.0.1:21000/hub/home?a=b#f",
                Some("/hub/home?a=b#f"),
            ),
            ("//127.0.0.1:21000/x", Some("/x")),
            ("/\\evil.com", Some("/%5Cevil.com")),
            ("/hub/../x", Some("/hub/../x")),
            ("/hub/h\u{f6}me", Some("/hub/h%C3%B6me")),
            ("http://evil.com/x", None),
            ("//evil.com", None),
            ("///evil.com", None),
            ("hub/home", None),
            ("javascript:alert(1)", None),
            ("http:///evil", None),
            ("http://127.0.0.1:21000//evil.com", None),
            ("http://127.0.0.1:21000@evil.com", None),
            ("http://127.0.0.1:21000.evil.com/", None),
            ("//127.0.0.1:21000//evil.com", None),
            (" /hub", None),
            ("\t//evil.com", None),
            ("", None),
        ] {
            assert_eq!(validate(raw, ORIGINS, None).as_deref(), expected, "{raw:?}");
        }
        assert_eq!(
            validate("/\t/evil.com", ORIGINS, None).as_deref(),
            Some("/%09/evil.com")
        );
    }

    /// What comes before the host, how the host is written, and what follows: each the trick of some known attack.
    const BEFORE: &[&str] = &[
        "",
        " ",
        "\t",
        "\0",
        "\r\n",
        "\u{2028}",
        "\u{feff}",
        "/",
        "/hub/../",
        "/hub/%2e%2e/",
        "/hub/..",
        "/.",
        "?",
        "#",
    ];
    const SCHEMES: &[&str] = &[
        "",
        "http:",
        "https:",
        "hTTp:",
        "h\tttp:",
        "ftp:",
        "javascript:",
        "data:text/html,",
        "blob:",
        ":",
    ];
    const SLASHES: &[&str] = &[
        "",
        "/",
        "//",
        "///",
        "////",
        "\\",
        "/\\",
        "\\/",
        "\\\\",
        "/\t/",
        "/\n/",
        "/\r\\",
        "//\t",
        "/ /",
        "%2f%2f",
        "/%2f",
        "/%5c",
        "%5c%5c",
        "/\u{ff0f}",
        "\u{2215}\u{2215}",
        "/.//",
        "/;//",
        "/..//",
    ];
    const USERINFO: &[&str] = &[
        "",
        "@",
        "user:pw@",
        "127.0.0.1:21000@",
        "127.0.0.1:21000%40",
        "127.0.0.1:21000\\@",
        "127.0.0.1:21000#@",
        "127.0.0.1:21000 @",
    ];
    const HOSTS: &[&str] = &[
        "evil.com",
        "3232235777",
        "0xC0A80101",
        "0300.0250.1.1",
        "1.1",
        "[::ffff:192.168.1.1]",
        "[::1%25eth0]",
        "evil\u{3002}com",
        "\u{24d4}vil.com",
        "\u{ff45}vil.com",
        "evil%2ecom",
        "ev\til.com",
        "evil.com%00.127.0.0.1",
        "127.0.0.1:21000.evil.com",
        "127.0.0.1:21001",
        "127.0.0.1",
        "localhost:21000",
        "xn--evil-x.com",
        "",
    ];
    const AFTER: &[&str] = &[
        "",
        "/",
        "/x",
        "?x",
        "#x",
        "\\x",
        ":80/x",
        "%2f..",
        "/\r\nSet-Cookie: a=b",
    ];

    /// Where a browser lands, read by the WHATWG's rules, from either kind of page.
    fn lands_here(next: &str) -> bool {
        let pages = [
            "http://127.0.0.1:21000/hub/login",
            "https://127.0.0.1:21000/hub/a/b/login?next=x",
        ];
        pages.iter().all(|page| {
            let page = Url::parse(page).unwrap();
            page.join(next)
                .is_ok_and(|url| url.origin() == page.origin())
        })
    }

    #[test]
    fn no_combination_leaves_our_host() {
        let (mut tried, mut kept) = (0_usize, 0_usize);
        for before in BEFORE {
            for scheme in SCHEMES {
                for slashes in SLASHES {
                    // Hosts and their company by turns: each pair of neighbours meets, not each five.
                    for (at, host) in HOSTS.iter().enumerate() {
                        let user = USERINFO[(at + tried) % USERINFO.len()];
                        let after = AFTER[(at * 5 + tried) % AFTER.len()];
                        let raw = format!("{before}{scheme}{slashes}{user}{host}{after}");
                        tried += 1;
                        let Some(next) = validate(&raw, ORIGINS, None) else {
                            continue;
                        };
                        kept += 1;
                        assert!(lands_here(&next), "{raw:?} -> {next:?}");
                        assert!(
                            next.bytes().all(|b| b.is_ascii_graphic()),
                            "{raw:?} -> {next:?}"
                        );
                        // Checked again, as when it goes through the login page, it stays what it is.
                        assert_eq!(
                            validate(&next, ORIGINS, None).as_ref(),
                            Some(&next),
                            "{raw:?}"
                        );
                    }
                }
            }
        }
        assert!(
            tried >= 10_000 && kept > 0 && kept < tried,
            "{tried} tried, {kept} kept"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn never_leaves_our_host(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "/", "//", "\\", "http:", "https:", "evil.com", "@", ":", "127.0.0.1:21000", "http://127.0.0.1:21000",
                    "\t", "\n", "\r", "\0", " ", "\u{2028}", "\u{a0}", "%2f", "%5c", "%09", "..", ".", "?", "#", "x", "[::1]",
                    "\u{ff0f}", "javascript:", "data:", "user:pw@",
                ]),
                0..8,
            )
        ) {
            let raw = parts.concat();
            if let Some(next) = validate(&raw, ORIGINS, None) {
                let base = Url::parse("http://127.0.0.1:21000/hub/login").unwrap();
                let landed = base.join(&next).unwrap();
                prop_assert_eq!(landed.origin(), base.origin(), "{} -> {}", raw, next);
                prop_assert!(http::HeaderValue::from_str(&next).is_ok());
            }
        }
    }
}
