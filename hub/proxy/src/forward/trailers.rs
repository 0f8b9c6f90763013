//! Trailers: the few header lines that may come after a body (RFC 9110 6.5). Pure.
//!
//! They come when all decisions were made, and some servers merge them into the headers. So only those pass that are known
//! to say nothing about framing, routing, identity or how to read the body; the others are dropped, never refused.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue, TE, TRAILER};
use http_body::Frame;

use crate::forward::headers::has_token;

/// Fields that say something about the body that has just passed, and nothing else.
const MAY_PASS: [&str; 7] = [
    "content-digest",
    "digest",
    "etag",
    "repr-digest",
    "server-timing",
    "signature",
    "signature-input",
];

/// Whether a field may come as a trailer: only those that are known to be harmless, for a list of the harmful would never
/// be complete. gRPC tells the outcome of a call in `grpc-*`.
pub(crate) fn may_pass(name: &HeaderName) -> bool {
    let name = name.as_str();
    MAY_PASS.contains(&name) || (name.starts_with("grpc-") && !name.contains(['_', '.']))
}

/// The trailers that `Trailer` announces, as far as they may pass, except those in `ours`.
pub(crate) fn announced(
    headers: &HeaderMap,
    ours: &[(HeaderName, HeaderValue)],
) -> Vec<HeaderName> {
    headers
        .get_all(TRAILER)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .filter(|name| may_pass(name) && !ours.iter().any(|(own, _)| own == name))
        .collect()
}

/// A `Trailer` that announces `names`; `None` when there are none.
pub(crate) fn announcement(names: &[HeaderName]) -> Option<HeaderValue> {
    let names: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
    HeaderValue::try_from(names.join(", "))
        .ok()
        .filter(|_| !names.is_empty())
}

/// Which trailers of a body are passed on.
#[derive(Debug, Clone, Default)]
pub(crate) enum Passing {
    /// None.
    #[default]
    None,
    /// Those that were announced: HTTP/1.1 has no room for others, and requests are held to it in any version.
    Announced(Vec<HeaderName>),
    /// All that may pass.
    Any,
}

impl Passing {
    /// Those of a request with the announced `names`.
    pub(crate) fn only(names: Vec<HeaderName>) -> Self {
        if names.is_empty() {
            Self::None
        } else {
            Self::Announced(names)
        }
    }

    /// The frame of what is left of the trailers in `frame`; `None` when it is nothing.
    pub(crate) fn frame(&self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        let trailers = frame.into_trailers().ok()?;
        self.filter(trailers).map(Frame::trailers)
    }

    /// What is left of `trailers`; `None` when it is nothing.
    fn filter(&self, mut trailers: HeaderMap) -> Option<HeaderMap> {
        let passes = |name: &HeaderName| match self {
            Self::None => false,
            Self::Announced(names) => names.contains(name),
            Self::Any => may_pass(name),
        };
        let others: Vec<_> = trailers
            .keys()
            .filter(|name| !passes(name))
            .cloned()
            .collect();
        for name in others {
            trailers.remove(name);
        }
        Some(trailers).filter(|left| !left.is_empty())
    }
}

/// Whether a client wants trailers (RFC 9110 10.1.4). Without that word they may be lost on the way, and so they are.
pub(crate) fn are_wanted(headers: &HeaderMap) -> bool {
    has_token(headers, &TE, "trailers")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> HeaderName {
        HeaderName::try_from(text).unwrap()
    }

    #[test]
    fn what_frames_routes_or_identifies_never_passes() {
        for bad in [
            "content-length",
            "content-encoding",
            "content-type",
            "transfer-encoding",
            "trailer",
            "te",
            "connection",
            "host",
            "authorization",
            "proxy-authorization",
            "cookie",
            "set-cookie",
            "x-forwarded-for",
            "x-real-ip",
            "x-remote-user",
            "forwarded",
            "origin",
            "sec-websocket-key",
            "if-match",
            "max-forwards",
            "transfer_encoding",
            "x.forwarded.for",
            "location",
            "cache-control",
            "remote-user",
            "client-cert",
            "true-client-ip",
            "cf-connecting-ip",
            "proxy",
            "set-cookie2",
            "clear-site-data",
            "alt-svc",
            "link",
            "grpc_status",
        ] {
            assert!(!may_pass(&name(bad)), "{bad}");
        }
        for good in [
            "digest",
            "repr-digest",
            "content-digest",
            "etag",
            "server-timing",
            "grpc-status",
            "grpc-message",
            "signature",
        ] {
            assert!(may_pass(&name(good)), "{good}");
        }
    }

    #[test]
    fn announcements_are_cut_to_what_may_pass() {
        let mut headers = HeaderMap::new();
        headers.append(
            TRAILER,
            HeaderValue::from_static("Digest, host,, grpc-status"),
        );
        headers.append(TRAILER, HeaderValue::from_static("Server-Timing, a b"));
        let ours = [(name("grpc-status"), HeaderValue::from_static("0"))];
        let names = announced(&headers, &ours);
        let told = announcement(&names);
        assert_eq!(told.unwrap(), "digest, server-timing");
        assert_eq!(announcement(&[]), None);
    }

    #[test]
    fn trailers_are_filtered() {
        let all = || {
            HeaderMap::from_iter([
                (name("digest"), HeaderValue::from_static("1")),
                (name("etag"), HeaderValue::from_static("2")),
                (name("host"), HeaderValue::from_static("3")),
            ])
        };
        let left = |passing: Passing| {
            let left = passing.filter(all()).unwrap_or_default();
            let mut names: Vec<_> = left.keys().map(|name| name.as_str().to_owned()).collect();
            names.sort();
            names
        };
        assert_eq!(left(Passing::Any), ["digest", "etag"]);
        assert_eq!(left(Passing::only(vec![name("etag")])), ["etag"]);
        assert!(left(Passing::only(vec![])).is_empty());
        assert!(left(Passing::None).is_empty());
    }
}
