//! What the options of ACME mean together.

use http::Uri;
use http::uri::Scheme;

use crate::acme::answers::Answers;
use crate::acme::{AcmeOptions, Proof};
use crate::cli::{AcmeArgs, AcmeChallenge, Args};
use crate::config::ConfigError;

const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Checks the options of ACME; `None` when no certificate is to be ordered.
pub(crate) fn options(args: &Args) -> Result<Option<AcmeOptions>, ConfigError> {
    let acme = &args.acme;
    if acme.acme_domain.is_empty() {
        return match given(acme) {
            Some(option) => Err(ConfigError::Acme(format!(
                "{option} needs --acme-domain NAME: which names shall the certificate be for?"
            ))),
            None => Ok(None),
        };
    }
    let told = |text: &str| Err(ConfigError::Acme(text.to_owned()));
    if args.tls.ssl_cert.is_some() || args.tls.ssl_key.is_some() {
        return told("--acme-domain orders the certificate: leave out --ssl-cert and --ssl-key");
    }
    let Some(folder) = acme.acme_folder.clone() else {
        return told(
            "--acme-domain needs --acme-folder DIR: where to keep account and certificate",
        );
    };
    if !acme.acme_accept_terms {
        return told(
            "--acme-domain needs --acme-accept-terms: the authority asks you to accept its terms of service \
             (Let's Encrypt: https://letsencrypt.org/repository/)",
        );
    }
    let proof = match acme.acme_challenge.unwrap_or_default() {
        AcmeChallenge::TlsAlpn01 => Proof::TlsAlpn01,
        AcmeChallenge::Http01 => Proof::Http01,
    };
    // With --port 80 there is no redirect.
    let redirects = args.tls.redirect_port.is_some() && args.port != Some(80);
    if proof == Proof::Http01 && !redirects {
        return told(
            "--acme-challenge http-01 needs --redirect-port 80 beside another public port: the authority asks there, by \
             plain HTTP",
        );
    }
    Ok(Some(AcmeOptions {
        domains: acme
            .acme_domain
            .iter()
            .map(|name| domain(name))
            .collect::<Result<_, _>>()?,
        folder,
        contacts: acme
            .acme_contact
            .iter()
            .map(|address| contact(address))
            .collect::<Result<_, _>>()?,
        directory: directory(acme.acme_directory.as_deref().unwrap_or(LETS_ENCRYPT))?,
        ca: acme.acme_ca.clone(),
        proof,
        answers: Answers::default(),
    }))
}

/// The first option that makes no sense without a domain.
fn given(acme: &AcmeArgs) -> Option<&'static str> {
    let all = [
        ("--acme-folder", acme.acme_folder.is_some()),
        ("--acme-accept-terms", acme.acme_accept_terms),
        ("--acme-contact", !acme.acme_contact.is_empty()),
        ("--acme-ca", acme.acme_ca.is_some()),
        ("--acme-directory", acme.acme_directory.is_some()),
        ("--acme-challenge", acme.acme_challenge.is_some()),
    ];
    all.into_iter()
        .find(|(_, given)| *given)
        .map(|(name, _)| name)
}

/// A DNS name in lower case.
fn domain(name: &str) -> Result<String, ConfigError> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let why = if name.starts_with("*.") {
        "wildcards need DNS challenges, which are not spoken here: name each host"
    } else if name.parse::<std::net::IpAddr>().is_ok() {
        "an address gets no certificate: name a host"
    } else if rustls_pki_types::DnsName::try_from(name.as_str()).is_err() {
        "that is no DNS name (write international ones as xn--…)"
    } else {
        return Ok(name);
    };
    Err(ConfigError::Acme(format!("--acme-domain {name}: {why}")))
}

/// A `mailto:` URL.
fn contact(address: &str) -> Result<String, ConfigError> {
    let bare = address.strip_prefix("mailto:").unwrap_or(address);
    match bare.split_once('@') {
        Some((user, host))
            if !user.is_empty() && host.contains('.') && !bare.contains([' ', ',', '?']) =>
        {
            Ok(format!("mailto:{bare}"))
        }
        _ => Err(ConfigError::Acme(format!(
            "--acme-contact {address}: give one mail address, as in admin@example.org"
        ))),
    }
}

/// An `https` URL.
fn directory(url: &str) -> Result<String, ConfigError> {
    let parsed = url.parse::<Uri>().ok();
    let https = parsed.is_some_and(|uri| uri.scheme() == Some(&Scheme::HTTPS));
    if https {
        return Ok(url.to_owned());
    }
    Err(ConfigError::Acme(format!(
        "--acme-directory {url}: give the https URL of an ACME directory"
    )))
}
