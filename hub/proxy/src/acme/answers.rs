//! What the authority may ask at present, and what it is answered.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;

/// The protocol by which the authority asks (RFC 8737 6.2).
pub(crate) const ALPN: &[u8] = b"acme-tls/1";

/// Where it asks by HTTP (RFC 8555 8.3).
const PATH: &str = "/.well-known/acme-challenge/";

/// The answers that are out; empty except while an order is under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers(Arc<RwLock<Open>>);

#[derive(Debug, Default)]
struct Open {
    /// Page by token.
    pages: HashMap<String, String>,
    /// Certificate by name.
    shown: HashMap<String, Arc<CertifiedKey>>,
}

impl Answers {
    /// The page for a request `path` on the redirect port.
    pub(crate) fn page(&self, path: &str) -> Option<String> {
        let token = path.strip_prefix(PATH)?;
        let open = self.0.read().unwrap_or_else(PoisonError::into_inner);
        open.pages.get(token).cloned()
    }

    /// Answers requests for `token` by HTTP.
    pub(crate) fn say(&self, token: &str, page: &str) {
        let mut open = self.0.write().unwrap_or_else(PoisonError::into_inner);
        open.pages.insert(token.to_owned(), page.to_owned());
    }

    /// Answers handshakes for `name` with a certificate that holds `digest`.
    pub(crate) fn show(&self, name: &str, digest: &[u8]) -> anyhow::Result<()> {
        let extension = CustomExtension::new_acme_identifier(digest);
        let made = Arc::new(self_signed(&[name.to_owned()], Some(extension))?);
        let mut open = self.0.write().unwrap_or_else(PoisonError::into_inner);
        open.shown.insert(name.to_owned(), made);
        Ok(())
    }

    /// Nothing is answered any more.
    pub(crate) fn clear(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Open::default();
    }

    fn shown(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let open = self.0.read().unwrap_or_else(PoisonError::into_inner);
        open.shown.get(name).cloned()
    }
}

/// A certificate that proves nothing: for the time before the first real one, and for the authority's questions.
pub(crate) fn self_signed(
    names: &[String],
    extension: Option<CustomExtension>,
) -> anyhow::Result<CertifiedKey> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions = extension.into_iter().collect();
    let cert = params.self_signed(&key)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    // Not `from_der`: it wants to understand every critical extension, and the authority's is one.
    let key = default_provider().key_provider.load_private_key(key)?;
    Ok(CertifiedKey::new(vec![cert.der().clone()], key))
}

/// Shows `usual` to everybody but the authority.
#[derive(Debug)]
pub(crate) struct Resolver {
    pub(crate) usual: Arc<CertifiedKey>,
    pub(crate) answers: Answers,
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut offered = hello.alpn().into_iter().flatten();
        // The authority offers this protocol and no other.
        if offered.next() == Some(ALPN) && offered.next().is_none() {
            return self
                .answers
                .shown(&hello.server_name()?.to_ascii_lowercase());
        }
        Some(self.usual.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_given_while_they_are_out() {
        let answers = Answers::default();
        answers.say("tok", "tok.print");
        answers.show("h.org", &[7; 32]).unwrap();
        let page = |path: &str| answers.page(path);
        assert_eq!(
            page("/.well-known/acme-challenge/tok").unwrap(),
            "tok.print"
        );
        for path in [
            "/.well-known/acme-challenge/",
            "/tok",
            "/.well-known/acme-challenge/tok/x",
        ] {
            assert_eq!(page(path), None, "{path}");
        }
        assert!(answers.shown("h.org").is_some() && answers.shown("other").is_none());
        answers.clear();
        assert!(page("/.well-known/acme-challenge/tok").is_none());
        assert!(answers.shown("h.org").is_none());
    }
}
