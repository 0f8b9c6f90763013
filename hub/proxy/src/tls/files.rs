//! Reads certificates and keys. Each mistake has a message that names the file and says what to do.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::tls::Pair;
use crate::tls::locked::{self, Locked};

/// Why files cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadFiles {
    #[error("cannot read {0}: {1}")]
    Read(PathBuf, std::io::Error),
    #[error("{0} is damaged or not PEM ({1}); it should hold -----BEGIN … blocks")]
    Pem(PathBuf, String),
    #[error("{0} holds no certificate; it should hold -----BEGIN CERTIFICATE----- blocks")]
    NoCertificate(PathBuf),
    #[error(
        "{0} holds no private key; name the key's file, or put the key into the certificate's file"
    )]
    NoKey(PathBuf),
    #[error("the key in {0} is protected by a passphrase; give it in the environment as {1}")]
    NoPassphrase(PathBuf, &'static str),
    #[error("the passphrase in {1} does not open the key in {0}")]
    WrongPassphrase(PathBuf, &'static str),
    #[error(
        "the key in {0} is protected in a way that is not known here; `openssl pkcs8 -topk8` protects it in a newer one"
    )]
    UnknownLock(PathBuf),
    #[error("the key in {key} does not belong to the first certificate in {cert}")]
    WrongPair { key: PathBuf, cert: PathBuf },
    #[error("the server's own certificate must come first in {0}, then the chain up to its root")]
    Order(PathBuf),
    #[error("the key or certificate in {0} cannot be used: {1}")]
    Unusable(PathBuf, rustls::Error),
}

fn read(path: &Path) -> Result<Vec<u8>, BadFiles> {
    std::fs::read(path).map_err(|error| BadFiles::Read(path.to_owned(), error))
}

/// All certificates in `path`.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BadFiles> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<_, _>>()
        .map_err(|error| BadFiles::Pem(path.to_owned(), error.to_string()))?;
    if all.is_empty() {
        return Err(BadFiles::NoCertificate(path.to_owned()));
    }
    Ok(all)
}

/// The certificates in `path` as those whom we trust.
pub(crate) fn roots(path: &Path) -> Result<RootCertStore, BadFiles> {
    let mut roots = RootCertStore::empty();
    for cert in certificates(path)? {
        roots
            .add(cert)
            .map_err(|error| BadFiles::Unusable(path.to_owned(), error))?;
    }
    Ok(roots)
}

fn key(pair: &Pair) -> Result<PrivateKeyDer<'static>, BadFiles> {
    let path = pair.key.clone();
    let pem = Zeroizing::new(read(&path)?);
    let text = str::from_utf8(&pem).unwrap_or_default();
    if locked::is_locked(text) {
        let Some(passphrase) = &pair.passphrase else {
            return Err(BadFiles::NoPassphrase(path, pair.passphrase_from));
        };
        return locked::unlock(text, passphrase).map_err(|why| match why {
            Locked::Wrong => BadFiles::WrongPassphrase(path, pair.passphrase_from),
            Locked::Unknown => BadFiles::UnknownLock(path),
            Locked::Damaged => BadFiles::Pem(path, "a locked key that cannot be read".to_owned()),
        });
    }
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(key) => Ok(key),
        Err(rustls_pki_types::pem::Error::NoItemsFound) => Err(BadFiles::NoKey(path)),
        Err(error) => Err(BadFiles::Pem(path, error.to_string())),
    }
}

/// The certificate chain with its key, checked to belong together. A key that others can read gets a warning.
pub(crate) fn certified(pair: &Pair, provider: &CryptoProvider) -> Result<CertifiedKey, BadFiles> {
    let chain = certificates(&pair.cert)?;
    let key = key(pair)?;
    let load = |chain: Vec<_>| CertifiedKey::from_der(chain, key.clone_key(), provider);
    match load(chain.clone()) {
        Ok(certified) => {
            if let Some(why) = readable_by_others(&pair.key) {
                tracing::warn!("{why}");
            }
            Ok(certified)
        }
        Err(rustls::Error::InconsistentKeys(_)) => {
            let later = chain.into_iter().skip(1);
            Err(if later.into_iter().any(|cert| load(vec![cert]).is_ok()) {
                BadFiles::Order(pair.cert.clone())
            } else {
                BadFiles::WrongPair {
                    key: pair.key.clone(),
                    cert: pair.cert.clone(),
                }
            })
        }
        Err(error) => Err(BadFiles::Unusable(pair.key.clone(), error)),
    }
}

/// A warning about a key that everybody on the machine can read.
fn readable_by_others(path: &Path) -> Option<String> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    (mode & 0o007 != 0).then(|| {
        format!(
            "everybody on this machine can read the private key in {} (mode {:04o}); chmod it to 0600 and consider it \
             known",
            path.display(),
            mode & 0o7777
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_others_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "").unwrap();
        for (mode, noticed) in [(0o600, false), (0o640, false), (0o644, true), (0o602, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(readable_by_others(&path).is_some(), noticed, "{mode:o}");
        }
    }
}
