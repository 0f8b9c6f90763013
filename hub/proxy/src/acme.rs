//! Certificates from an ACME authority such as Let's Encrypt (RFC 8555): ordered, kept in a folder, renewed in time.
//!
//! ```text
//! DIR/authority/account.json       the account's key; made once
//! DIR/authority/certificate.pem    certificate, chain and key in one file, so that it is replaced as a whole
//! ```
//!
//! The public listener reads `certificate.pem` like any other certificate. Until there is one it shows one that it has
//! signed itself. The authority asks either at the public listener (TLS-ALPN-01, RFC 8737) or, by plain HTTP, at the
//! redirect port (HTTP-01); [`answers`] is what both know.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use hub_types::clock::Clock;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

pub(crate) mod answers;
mod authority;
mod files;
pub(crate) mod schedule;

use answers::Answers;
use authority::Authority;
use schedule::Held;

/// Longest time between two looks at the certificate; the clock may be set.
const LOOK: Duration = Duration::from_secs(3600);

/// How the authority is shown that a name is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A certificate of our own making, shown to the authority on the public listener.
    TlsAlpn01,
    /// A page on the redirect port.
    Http01,
}

/// The wait after an order that was no use.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What is ordered, from whom, and where it is kept.
#[derive(Debug, Clone)]
pub(crate) struct AcmeOptions {
    /// Names for the certificate; at least one.
    pub(crate) domains: Vec<String>,
    pub(crate) folder: PathBuf,
    /// `mailto:` URLs.
    pub(crate) contacts: Vec<String>,
    /// URL of the authority's directory.
    pub(crate) directory: String,
    /// Who signed the authority's own certificate, instead of the system's list.
    pub(crate) ca: Option<PathBuf>,
    pub(crate) proof: Proof,
    pub(crate) answers: Answers,
}

impl AcmeOptions {
    /// The folder of one authority: certificates of a test authority never stand in for real ones.
    fn place(&self) -> PathBuf {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        };
        let short = self.directory.trim_start_matches("https://");
        let host = short.split('/').next().unwrap_or_default();
        let hash = hex::encode(Sha256::digest(&self.directory));
        let name: String = host.chars().map(plain).collect();
        self.folder.join(format!("{name}-{}", &hash[..8]))
    }

    /// The file of certificate and key.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.place().join("certificate.pem")
    }

    fn account(&self) -> PathBuf {
        self.place().join("account.json")
    }
}

/// Keeps the certificate in date.
#[derive(Debug)]
pub(crate) struct Acme {
    options: AcmeOptions,
    clock: Arc<dyn Clock>,
    authority: Authority,
    /// Somebody asks to look at once.
    pub(crate) wake: Arc<Notify>,
    _lock: std::fs::File,
}

impl Acme {
    /// Makes the folder and takes its lock: two proxies would spoil each other's orders.
    pub(crate) fn new(options: AcmeOptions, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let place = options.place();
        files::make_folder(&options.folder)?;
        files::make_folder(&place)?;
        let lock = files::lock(&place.join("lock"))?;
        let authority = Authority::new(options.ca.clone())?;
        Ok(Self {
            options,
            clock,
            authority,
            wake: Arc::default(),
            _lock: lock,
        })
    }

    /// Orders and renews for ever; `renewed` is called when there is a new certificate.
    pub(crate) async fn run(&self, renewed: impl Fn()) {
        let mut failures = 0;
        loop {
            let wait = match self.look(self.clock.now()).await {
                Ok(Look::Useless(why)) => {
                    tracing::error!(
                        "the new certificate is no better than the old one: {why}; is the clock right? The next try is \
                         in a day"
                    );
                    DAY
                }
                Ok(Look::Renewed) => {
                    failures = 0;
                    renewed();
                    continue;
                }
                Ok(Look::Good(until)) => {
                    failures = 0;
                    (until - self.clock.now())
                        .to_std()
                        .unwrap_or_default()
                        .min(LOOK)
                }
                Err(error) => {
                    failures += 1;
                    let wait = schedule::back_off(failures);
                    tracing::error!(
                        "no certificate for {} from {}: {error:#}; the next try is in {} minutes",
                        self.options.domains.join(", "),
                        self.options.directory,
                        wait.as_secs() / 60
                    );
                    wait
                }
            };
            // Over, or woken: a look comes next.
            let _ = tokio::time::timeout(wait, self.wake.notified()).await;
        }
    }

    /// Renews the certificate if it is time to.
    async fn look(&self, now: DateTime<Utc>) -> anyhow::Result<Look> {
        let path = self.options.certificate();
        let held = held(&path)?;
        match schedule::due(held.as_ref(), &self.options.domains, now) {
            schedule::Due::At(until) => return Ok(Look::Good(until)),
            schedule::Due::Now(why) => {
                tracing::info!(
                    "ordering a certificate for {}: {why}",
                    self.options.domains.join(", ")
                );
            }
        }
        let account = self.account().await?;
        let pem = self.authority.order(&account, &self.options).await?;
        files::replace(&path, pem.as_bytes())
            .with_context(|| format!("cannot keep the certificate in {}", path.display()))?;
        let new = files::read(&path)?.as_deref().map(schedule::held);
        let Some(new) = new.transpose()? else {
            bail!("{} is gone again", path.display());
        };
        tracing::info!(
            "a certificate for {}, good until {}, is in {}",
            self.options.domains.join(", "),
            new.until,
            path.display()
        );
        match schedule::due(Some(&new), &self.options.domains, now) {
            schedule::Due::At(_) => Ok(Look::Renewed),
            schedule::Due::Now(why) => Ok(Look::Useless(why)),
        }
    }

    /// The account that is kept, or a new one.
    async fn account(&self) -> anyhow::Result<instant_acme::Account> {
        let path = self.options.account();
        let shown = path.display();
        let kept = files::read(&path)?;
        if let Some(text) = kept {
            let kept = serde_json::from_str(&text).with_context(|| {
                format!("{shown} is damaged; move it away, and another account is made")
            })?;
            return self.authority.known(kept, &self.options).await;
        }
        let (account, kept) = self.authority.register(&self.options).await?;
        // Kept before it is used: each lost account counts against the limits of the authority.
        files::replace(&path, serde_json::to_string(&kept)?.as_bytes())
            .with_context(|| format!("cannot keep the account in {shown}"))?;
        tracing::info!("a new account at {} is in {shown}", self.options.directory);
        Ok(account)
    }
}

fn held(path: &Path) -> anyhow::Result<Option<Held>> {
    let Some(text) = files::read(path)? else {
        return Ok(None);
    };
    match schedule::held(&text) {
        Ok(held) => Ok(Some(held)),
        Err(error) => {
            tracing::warn!("{} is of no use: {error:#}", path.display());
            Ok(None)
        }
    }
}

/// What a look at the certificate showed.
#[derive(Debug)]
enum Look {
    /// It is good until it has to be renewed.
    Good(DateTime<Utc>),
    /// There is a new one.
    Renewed,
    /// There is a new one, and it would have to be renewed at once: authorities allow few equal ones.
    Useless(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_authority_has_its_own_folder() {
        let place = |directory: &str| {
            let options = AcmeOptions {
                domains: vec!["h".into()],
                folder: "/d".into(),
                contacts: vec![],
                directory: directory.into(),
                ca: None,
                proof: Proof::Http01,
                answers: Answers::default(),
            };
            options.certificate().display().to_string()
        };
        let (one, two) = (place("https://a.org/dir"), place("https://a.org/staging"));
        assert!(
            one.starts_with("/d/a.org-") && one.ends_with("/certificate.pem"),
            "{one}"
        );
        assert_ne!(one, two);
        assert!(place("https://[::1]:14000/../x").starts_with("/d/---1--14000-"));
    }
}
