//! The rules of the guard for HTTP/2, where frames leave no doubt about where a request ends, but its headers are going
//! to be written as HTTP/1.1. Malformed frames, connection headers (`Connection`, `Transfer-Encoding`, `Upgrade`…) and
//! bodies that do not have the announced length were refused by the HTTP/2 layer before (RFC 9113 8.1.1, 8.2.2).

use http::header::{ALLOW, CONNECTION, COOKIE, HOST, HeaderValue};
use http::{Method, Request, Response, StatusCode};

use crate::error_page;
use crate::forward::body::ResponseBody;
use crate::guard::head::{FORWARDED, HeadLimits, Refusal, Seen};

/// Judges a request of HTTP/2 and gives it the form of one of HTTP/1.1: a single `Host`, a single `Cookie`.
pub(crate) fn judge<B>(
    mut request: Request<B>,
    limits: &HeadLimits,
) -> Result<Request<B>, Refusal> {
    if matches!(*request.method(), Method::CONNECT | Method::TRACE)
        || request.method().as_str() == "TRACK"
    {
        return Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "CONNECT and TRACE are not forwarded",
        ));
    }
    let plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'#';
    let target = request
        .uri()
        .path_and_query()
        .map_or("", |target| target.as_str());
    if target.len() > limits.line || !target.as_bytes().iter().all(plain) {
        return Err(Refusal::bad("malformed request target"));
    }
    if request.headers().len() > limits.headers {
        return Err(Refusal::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "too many header lines",
        ));
    }
    one_host(&mut request)?;
    let mut seen = Seen::default();
    for (name, value) in request.headers() {
        if *name == CONNECTION {
            return Err(Refusal::bad("connection header in HTTP/2"));
        }
        seen.header(name.as_str().as_bytes(), value.as_bytes())?;
    }
    seen.framing(false)?;
    one_cookie(&mut request);
    Ok(request)
}

/// `:authority` is the host (RFC 9113 8.3.1); a `Host` that says something else is a second reading.
fn one_host<B>(request: &mut Request<B>) -> Result<(), Refusal> {
    let Some(authority) = request.uri().authority() else {
        return Ok(());
    };
    let differs = |host: &HeaderValue| {
        !host
            .as_bytes()
            .eq_ignore_ascii_case(authority.as_str().as_bytes())
    };
    if request.headers().get_all(HOST).iter().any(differs) {
        return Err(Refusal::bad("Host differs from :authority"));
    }
    let host = HeaderValue::from_str(authority.as_str())
        .map_err(|_| Refusal::bad("malformed :authority"))?;
    request.headers_mut().insert(HOST, host);
    Ok(())
}

/// HTTP/2 may split `Cookie`; HTTP/1.1 may not (RFC 9113 8.2.3).
fn one_cookie<B>(request: &mut Request<B>) {
    let all: Vec<&[u8]> = request
        .headers()
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if all.len() < 2 {
        return;
    }
    if let Ok(joined) = HeaderValue::from_bytes(&all.join(&b"; "[..])) {
        request.headers_mut().insert(COOKIE, joined);
    }
}

/// The answer to a refused request. Only its own stream ends.
pub(crate) fn refuse(refusal: Refusal) -> Response<ResponseBody> {
    tracing::info!(
        status = refusal.status.as_u16(),
        "refused a request: {}",
        refusal.reason
    );
    let mut response = error_page::plain(refusal.status);
    if refusal.status == StatusCode::METHOD_NOT_ALLOWED {
        let allow = HeaderValue::from_static(FORWARDED);
        response.headers_mut().insert(ALLOW, allow);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn one_reading_only() {
        for (method, uri, headers, status) in [
            ("GET", "https://h/x", &[][..], 200),
            ("GET", "https://h/x", &[("host", "H")], 200),
            ("GET", "/x", &[("host", "h")], 200),
            ("GET", "https://h/x", &[("host", "other")], 400),
            ("GET", "https://u@h/x", &[], 400),
            ("GET", "/x", &[], 400),
            (
                "GET",
                "https://h/x",
                &[("transfer_encoding", "chunked")],
                400,
            ),
            ("GET", "https://h/x", &[("content.length", "3")], 400),
            (
                "GET",
                "https://h/x",
                &[("transfer-encoding", "chunked"), ("content-length", "3")],
                400,
            ),
            ("POST", "https://h/x", &[("content-length", "3")], 200),
            ("POST", "https://h/x", &[("content-length", "03")], 400),
            (
                "POST",
                "https://h/x",
                &[("content-length", "3"), ("content-length", "3")],
                400,
            ),
            (
                "GET",
                "https://h/x",
                &[("connection", "x-forwarded-for")],
                400,
            ),
            ("GET", "https://h/x", &[("expect", "200-ok")], 417),
            ("TRACE", "https://h/x", &[], 405),
            ("TRACK", "https://h/x", &[], 405),
            ("CONNECT", "h:1", &[], 405),
        ] {
            let judged = judge(request(method, uri, headers), &HeadLimits::default());
            let got = judged.map_or_else(|refusal| refusal.status.as_u16(), |_| 200);
            assert_eq!(got, status, "{method} {uri} {headers:?}");
        }
        let many: Vec<_> = (0..101).map(|_| ("x", "y")).collect();
        let refusal = judge(request("GET", "https://h/", &many), &HeadLimits::default());
        assert_eq!(refusal.unwrap_err().status, 431);
    }

    #[test]
    fn cookies_are_joined_and_the_host_is_written() {
        let split = request(
            "GET",
            "https://h:1/x",
            &[("cookie", "a=1"), ("cookie", "b=2")],
        );
        let whole = judge(split, &HeadLimits::default()).unwrap();
        assert_eq!(whole.headers()[COOKIE], "a=1; b=2");
        assert_eq!(whole.headers()[HOST], "h:1");
    }
}
