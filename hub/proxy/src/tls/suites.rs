//! `--ssl-protocol` and `--ssl-ciphers`: OpenSSL's names, as far as rustls has what they name. Pure.

use rustls::crypto::ring::ALL_CIPHER_SUITES;
use rustls::version::{TLS12, TLS13};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

/// The versions that `name` (of an OpenSSL method, without `_method`) allows; `None` when we speak none of them.
pub(crate) fn versions(name: &str) -> Option<Vec<&'static SupportedProtocolVersion>> {
    let name = name.strip_suffix("_method").unwrap_or(name);
    let name = name.strip_suffix("_server").unwrap_or(name);
    match name.replace(['_', '.'], "").to_ascii_lowercase().as_str() {
        "tlsv12" => Some(vec![&TLS12]),
        "tlsv13" => Some(vec![&TLS13]),
        "tls" | "sslv23" => Some(vec![&TLS13, &TLS12]),
        _ => None,
    }
}

/// OpenSSL's name of a suite: `ECDHE-RSA-AES128-GCM-SHA256`; TLS 1.3 suites have none of their own.
fn openssl_name(suite: &SupportedCipherSuite) -> String {
    let name = format!("{:?}", suite.suite());
    let Some(name) = name.strip_prefix("TLS_ECDHE_") else {
        return name.replace("TLS13_", "TLS_");
    };
    let name = name.replace("_WITH", "").replace("_SHA256", "-SHA256");
    let name = name
        .replace("AES_128", "AES128")
        .replace("AES_256", "AES256")
        .replace("CHACHA20_POLY1305-SHA256", "CHACHA20-POLY1305");
    format!("ECDHE-{}", name.replace('_', "-"))
}

/// The suites that an OpenSSL cipher `list` leaves, in its order, and the items of it that name none of ours.
///
/// `HIGH`, `ALL` and `DEFAULT` stand for all, `!X` takes X away. As in OpenSSL the TLS 1.3 suites are not part of it.
pub(crate) fn suites(list: &str) -> (Vec<SupportedCipherSuite>, Vec<String>) {
    let (v13, v12): (Vec<_>, Vec<_>) = ALL_CIPHER_SUITES
        .iter()
        .copied()
        .partition(|suite| suite.tls13().is_some());
    let (mut chosen, mut unknown) = (Vec::new(), Vec::new());
    let items = || list.split([':', ',', ' ']).filter(|item| !item.is_empty());
    for item in items().filter(|item| !item.starts_with(['!', '-', '+', '@'])) {
        let matching = |suite: &&SupportedCipherSuite| {
            matches!(item, "HIGH" | "ALL" | "DEFAULT") || openssl_name(suite) == item
        };
        let found: Vec<_> = v12.iter().filter(matching).copied().collect();
        if found.is_empty() {
            unknown.push(item.to_owned());
        }
        chosen.extend(
            found
                .into_iter()
                .filter(|suite| !chosen.contains(suite))
                .collect::<Vec<_>>(),
        );
    }
    for item in items().filter_map(|item| item.strip_prefix('!')) {
        chosen.retain(|suite| !openssl_name(suite).split('-').any(|part| part == item));
    }
    (v13.into_iter().chain(chosen).collect(), unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_by_openssls_names() {
        for (name, count) in [
            ("TLSv1_2", 1),
            ("TLSv1.3", 1),
            ("TLS", 2),
            ("SSLv23_server", 2),
        ] {
            assert_eq!(versions(name).map(|all| all.len()), Some(count), "{name}");
        }
        for name in ["SSLv3", "TLSv1", "TLSv1_1", ""] {
            assert!(versions(name).is_none(), "{name}");
        }
    }

    #[test]
    fn suites_by_openssls_names() {
        let names = |list: &str| {
            let (chosen, unknown) = suites(list);
            let of_12 = chosen.iter().filter(|suite| suite.tls13().is_none());
            (of_12.map(openssl_name).collect::<Vec<_>>(), unknown)
        };
        assert_eq!(
            names(
                "ECDHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305"
            ),
            (
                vec![
                    "ECDHE-RSA-AES256-GCM-SHA384".to_owned(),
                    "ECDHE-ECDSA-CHACHA20-POLY1305".to_owned()
                ],
                vec!["DHE-RSA-AES128-SHA256".to_owned()]
            )
        );
        assert_eq!(names("HIGH:!RC4:!aNULL").0.len(), 6);
        assert_eq!(names("HIGH:!CHACHA20").0.len(), 4);
        assert_eq!(names("ECDHE-RSA-AES128-GCM-SHA256:HIGH").0.len(), 6);
        assert_eq!(suites("RC4").0.len(), 3);
    }
}
