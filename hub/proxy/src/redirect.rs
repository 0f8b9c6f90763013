//! From plain HTTP to https (`--redirect-port`).

use http::header::{HeaderMap, HeaderValue, LOCATION};
use http::{Response, StatusCode, Uri};

use crate::acme::answers::Answers;
use crate::error_page;
use crate::forward::body::ResponseBody;
use crate::select;
use crate::table::bare_host;

const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// What the redirect port does.
#[derive(Debug)]
pub(crate) struct Redirect {
    /// The port with TLS that everybody is sent to.
    pub(crate) port: u16,
    /// What an ACME authority may ask here.
    pub(crate) answers: Option<Answers>,
}

impl Redirect {
    /// The answer to a request.
    pub(crate) fn answer(&self, uri: &Uri, headers: &HeaderMap) -> Response<ResponseBody> {
        let page = self.answers.as_ref().and_then(|it| it.page(uri.path()));
        match page {
            // RFC 8555 8.3.
            Some(page) => error_page::with_body(StatusCode::OK, OCTETS, page),
            None => answer(uri, headers, self.port),
        }
    }
}

/// 301 to the same URL with `https` and `port`; 400 when the request does not say which host it is for.
fn answer(uri: &Uri, headers: &HeaderMap, port: u16) -> Response<ResponseBody> {
    let host = select::host_of(uri, headers).ok().flatten();
    let location = host.as_ref().and_then(|host| location(uri, host, port));
    let Some(location) = location else {
        return error_page::plain(StatusCode::BAD_REQUEST);
    };
    let mut response = Response::new(ResponseBody::own(""));
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    response.headers_mut().insert(LOCATION, location);
    response
}

fn location(uri: &Uri, host: &HeaderValue, port: u16) -> Option<HeaderValue> {
    let host = bare_host(host.to_str().ok()?);
    let path = uri.path_and_query()?.as_str();
    if host.is_empty() || !path.starts_with('/') {
        return None;
    }
    let port = match port {
        443 => String::new(),
        port => format!(":{port}"),
    };
    HeaderValue::from_str(&format!("https://{host}{port}{path}")).ok()
}

#[cfg(test)]
mod tests {
    use http::header::HOST;

    use super::*;

    #[test]
    fn the_url_stays_and_the_scheme_changes() {
        for (uri, host, port, expected) in [
            ("/x?y=1", "h:80", 443, Some("https://h/x?y=1")),
            ("/x", "h", 8443, Some("https://h:8443/x")),
            ("/", "[::1]:80", 443, Some("https://[::1]/")),
            ("http://other/x", "h", 443, Some("https://other/x")),
            ("*", "h", 443, None),
            ("/", "", 443, None),
        ] {
            let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
            let answer = answer(&uri.parse().unwrap(), &headers, port);
            let location = answer.headers().get(LOCATION);
            assert_eq!(
                location.map(|l| l.to_str().unwrap()),
                expected,
                "{uri} {host}"
            );
            assert_eq!(answer.status() == 301, expected.is_some());
        }
        let none = answer(&"/x".parse().unwrap(), &HeaderMap::new(), 443);
        assert_eq!(none.status(), 400);
    }
}
