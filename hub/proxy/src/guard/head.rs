//! Judges one request head: what hyper and every target behind us must read in exactly one way.
//!
//! The rules are those of RFC 9112 taken strictly. hyper is lenient in places and then writes the request anew, so that
//! the oddity would be gone before anybody could refuse it; hence this check of the raw bytes comes first.

use http::StatusCode;

/// Limits of a request head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadLimits {
    /// Whole head in bytes, request line included.
    pub(crate) bytes: usize,
    /// Request line in bytes.
    pub(crate) line: usize,
    /// Number of header lines.
    pub(crate) headers: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        // Twice what node (and so configurable-http-proxy) takes in bytes; hyper takes at most 100 header lines.
        Self {
            bytes: 32 * 1024,
            line: 16 * 1024,
            headers: 100,
        }
    }
}

/// Why a request is refused before anything of it is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Status of the answer.
    pub(crate) status: StatusCode,
    /// For the log; holds nothing that the client sent.
    pub(crate) reason: &'static str,
}

impl Refusal {
    pub(crate) const fn new(status: StatusCode, reason: &'static str) -> Self {
        Self { status, reason }
    }

    pub(crate) const fn bad(reason: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason)
    }
}

/// How the body that follows a head is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// Looks for the end of the head in `buf`, of which the first `seen` bytes were looked at before.
///
/// Returns the length of the head with its final empty line, or `None` when more bytes are needed.
pub(crate) fn find_end(
    buf: &[u8],
    seen: usize,
    limits: &HeadLimits,
) -> Result<Option<usize>, Refusal> {
    for at in seen..buf.len() {
        if buf[at] == b'\n' {
            if at == 0 || buf[at - 1] != b'\r' {
                return Err(Refusal::bad("bare LF in the request head"));
            }
            if buf[..=at].ends_with(b"\r\n\r\n") {
                return if at < limits.bytes {
                    Ok(Some(at + 1))
                } else {
                    Err(too_large())
                };
            }
        }
    }
    let line_ended = buf.len() <= limits.line || buf[..limits.line].contains(&b'\n');
    match (line_ended, buf.len() < limits.bytes) {
        (false, _) => Err(Refusal::new(
            StatusCode::URI_TOO_LONG,
            "request line too long",
        )),
        (true, false) => Err(too_large()),
        (true, true) => Ok(None),
    }
}

fn too_large() -> Refusal {
    Refusal::new(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "request head too large",
    )
}

/// Judges a complete head (with its final empty line).
pub(crate) fn judge(head: &[u8], limits: &HeadLimits) -> Result<Framing, Refusal> {
    let text = head
        .strip_suffix(b"\r\n\r\n")
        .ok_or(Refusal::bad("head without end"))?;
    let mut lines = split_crlf(text);
    let http10 = request_line(lines.next().unwrap_or_default(), limits)?;
    let mut seen = Seen::default();
    let mut count = 0;
    for line in lines {
        count += 1;
        if count > limits.headers {
            return Err(Refusal::new(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "too many header lines",
            ));
        }
        let (name, value) = header_line(line)?;
        seen.header(name, value)?;
    }
    seen.framing(http10)
}

/// Lines of `text` separated by CRLF; a CR or LF on its own stays in its line and is refused there.
fn split_crlf(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let all = rest?;
        match all.windows(2).position(|pair| pair == b"\r\n") {
            Some(at) => {
                rest = Some(&all[at + 2..]);
                Some(&all[..at])
            }
            None => rest.take(),
        }
    })
}

/// `METHOD SP target SP HTTP/1.x`. Returns whether the version is 1.0.
fn request_line(line: &[u8], limits: &HeadLimits) -> Result<bool, Refusal> {
    if line.len() > limits.line {
        return Err(Refusal::new(
            StatusCode::URI_TOO_LONG,
            "request line too long",
        ));
    }
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::bad("request line is not `METHOD target HTTP/1.1`"));
    };
    if method.is_empty()
        || !method
            .iter()
            .all(|byte| is_token(*byte) && !byte.is_ascii_lowercase())
    {
        return Err(Refusal::bad("malformed method"));
    }
    if target.is_empty()
        || !target
            .iter()
            .all(|byte| byte.is_ascii_graphic() && *byte != b'#')
    {
        return Err(Refusal::bad("malformed request target"));
    }
    let http10 = match version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        v if v.starts_with(b"HTTP/") => {
            return Err(Refusal::new(
                StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                "HTTP version is not 1.0 or 1.1",
            ));
        }
        _ => return Err(Refusal::bad("malformed HTTP version")),
    };
    // CONNECT would make us an open proxy; TRACE would show a script the cookies of its own request.
    if matches!(method, b"CONNECT" | b"TRACE" | b"TRACK") {
        return Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "CONNECT and TRACE are not forwarded",
        ));
    }
    Ok(http10)
}

/// The methods that an answer to others says are allowed (RFC 9110 15.5.6): those that everybody knows of all that are
/// forwarded.
pub(crate) const FORWARDED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// `name: value` with the white space around the value removed.
pub(crate) fn header_line(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Refusal::bad("folded header line"));
    }
    let colon = line
        .iter()
        .position(|byte| *byte == b':')
        .ok_or(Refusal::bad("header line without colon"))?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
        return Err(Refusal::bad("malformed header name"));
    }
    if !value
        .iter()
        .all(|byte| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f))
    {
        return Err(Refusal::bad("control character in a header value"));
    }
    Ok((name, value.trim_ascii()))
}

/// RFC 9110 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// What the header lines said about framing so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    length: Option<u64>,
    chunked: bool,
    hosts: usize,
}

impl Seen {
    pub(crate) fn header(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refusal> {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        if is("content-length") {
            self.content_length(value)
        } else if is("transfer-encoding") {
            self.transfer_encoding(value)
        } else if is("host") {
            self.host(value)
        } else if is("connection") {
            connection(value)
        } else if is("expect") && !value.eq_ignore_ascii_case(b"100-continue") {
            Err(Refusal::new(
                StatusCode::EXPECTATION_FAILED,
                "unknown expectation",
            ))
        } else if is_alias(name) {
            Err(Refusal::bad(
                "header name that some servers read as a framing header",
            ))
        } else {
            Ok(())
        }
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        const BAD: Refusal = Refusal::bad("malformed Content-Length");
        if self.length.is_some() {
            return Err(Refusal::bad("more than one Content-Length"));
        }
        let plain = value.iter().all(u8::is_ascii_digit)
            && (value.len() == 1 || value.first() != Some(&b'0'));
        let text = std::str::from_utf8(value)
            .ok()
            .filter(|_| plain && !value.is_empty())
            .ok_or(BAD)?;
        let length = text
            .parse::<u64>()
            .ok()
            .filter(|length| *length <= i64::MAX as u64)
            .ok_or(BAD)?;
        self.length = Some(length);
        Ok(())
    }

    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.chunked {
            return Err(Refusal::bad("more than one Transfer-Encoding"));
        }
        if !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Refusal::bad("Transfer-Encoding is not plain `chunked`"));
        }
        self.chunked = true;
        Ok(())
    }

    fn host(&mut self, value: &[u8]) -> Result<(), Refusal> {
        self.hosts += 1;
        if self.hosts > 1 || !is_host(value) {
            return Err(Refusal::bad("no single well-formed Host"));
        }
        Ok(())
    }

    pub(crate) fn framing(self, http10: bool) -> Result<Framing, Refusal> {
        if self.hosts == 0 && !http10 {
            return Err(Refusal::bad("HTTP/1.1 without Host"));
        }
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(Refusal::bad("both Content-Length and Transfer-Encoding")),
            (true, None) if http10 => Err(Refusal::bad("Transfer-Encoding in HTTP/1.0")),
            (true, None) => Ok(Framing::Chunked),
            (false, length) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }
}

/// Whether `value` can be a `Host`, as far as no two servers would read it in two ways.
pub(crate) fn is_host(value: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_graphic() && !b",/\\@?#<>\"{}^`|".contains(byte);
    !value.is_empty() && value.iter().all(plain)
}

/// A `Connection` which would have us drop a header that frames or routes the request.
fn connection(value: &[u8]) -> Result<(), Refusal> {
    let essential: [&[u8]; 3] = [b"host", b"content-length", b"transfer-encoding"];
    let names = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    for name in names {
        if essential.iter().any(|bad| name.eq_ignore_ascii_case(bad)) {
            return Err(Refusal::bad(
                "Connection names a header that frames the request",
            ));
        }
    }
    Ok(())
}

/// `Transfer_Encoding` and the like: CGI-style servers read `_` (and `.`) as `-`.
fn is_alias(name: &[u8]) -> bool {
    let same = |byte: &u8, wanted: &u8| {
        byte.eq_ignore_ascii_case(wanted) || (*wanted == b'-' && matches!(byte, b'_' | b'.'))
    };
    let reads_as = |wanted: &[u8]| {
        name.len() == wanted.len()
            && name
                .iter()
                .zip(wanted)
                .all(|(byte, wanted)| same(byte, wanted))
    };
    name.iter().any(|byte| matches!(byte, b'_' | b'.'))
        && (reads_as(b"transfer-encoding") || reads_as(b"content-length"))
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
