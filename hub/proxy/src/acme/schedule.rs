//! When a certificate is due; pure.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use chrono::{DateTime, Utc};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) since: DateTime<Utc>,
    pub(crate) until: DateTime<Utc>,
    pub(crate) names: Vec<String>,
}

/// Reads the first certificate in `pem`.
pub(crate) fn held(pem: &str) -> anyhow::Result<Held> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| anyhow!("no certificate: {error}"))?;
    let (_, cert) = parse_x509_certificate(&der).context("malformed certificate")?;
    let time = |seconds| DateTime::from_timestamp(seconds, 0).context("a time beyond all reason");
    let names = cert
        .subject_alternative_name()?
        .into_iter()
        .flat_map(|names| {
            names
                .value
                .general_names
                .iter()
                .filter_map(|name| match name {
                    GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
                    _ => None,
                })
        });
    Ok(Held {
        since: time(cert.validity().not_before.timestamp())?,
        until: time(cert.validity().not_after.timestamp())?,
        names: names.collect(),
    })
}

/// When to order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Due {
    /// At once, and why.
    Now(&'static str),
    /// Not before then.
    At(DateTime<Utc>),
}

/// When the certificate for `names` is due: at once when it is missing or for other names, else once two thirds of its
/// life are over, whether that life is 90 days or 6 (Let's Encrypt's advice).
pub(crate) fn due(held: Option<&Held>, names: &[String], now: DateTime<Utc>) -> Due {
    let Some(held) = held else {
        return Due::Now("there is none");
    };
    if names.iter().any(|name| !held.names.contains(name)) {
        return Due::Now("the present one is for other names");
    }
    let renewal = held.since + (held.until - held.since) * 2 / 3;
    if now >= renewal {
        return Due::Now("the present one has less than a third of its life left");
    }
    Due::At(renewal)
}

/// How long to wait after so many failures in a row: fewer than five tries an hour, which is what Let's Encrypt allows.
pub(crate) fn back_off(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        n => Duration::from_secs(120_u64.saturating_mul(3_u64.saturating_pow(n - 1)))
            .min(Duration::from_secs(6 * 3600)),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn certificates_are_renewed_in_their_last_third() {
        let since = DateTime::<Utc>::default();
        for days in [90, 6] {
            let held = Held {
                since,
                until: since + TimeDelta::days(days),
                names: vec!["a".into(), "b".into()],
            };
            let at = since + TimeDelta::days(days * 2 / 3);
            let due = |names: &[&str], now| {
                let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
                due(Some(&held), &names, now)
            };
            assert_eq!(due(&["a", "b"], since), Due::At(at));
            assert_eq!(due(&["a"], at - TimeDelta::seconds(1)), Due::At(at));
            assert!(matches!(due(&["a"], at), Due::Now(_)));
            assert!(matches!(due(&["a", "c"], since), Due::Now(_)));
        }
        assert!(matches!(due(None, &[], since), Due::Now(_)));
    }

    #[test]
    fn certificates_tell_names_and_times() {
        let held = held(include_str!("../../tests/it/keys/ec-cert.pem")).unwrap();
        assert_eq!(held.names, ["localhost"]);
        assert_eq!((held.until - held.since).num_days(), 36500);
        for bad in [
            "",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        ] {
            assert!(super::held(bad).is_err());
        }
    }

    #[test]
    fn failures_do_not_exceed_what_authorities_allow() {
        let minutes: Vec<_> = (0..8).map(|n| back_off(n).as_secs() / 60).collect();
        assert_eq!(minutes, [0, 2, 6, 18, 54, 162, 360, 360]);
        assert_eq!(back_off(u32::MAX), Duration::from_secs(6 * 3600));
    }
}
