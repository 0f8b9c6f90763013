//! A reader of HTTP/1.1 messages that takes what RFC 9112 lets a sender write, and nothing else. Written apart from the
//! proxy's own rules, to judge them: it says of any bytes where the messages in them begin and end, or that they have
//! none. It depends on nothing.

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Request or status line.
    pub line: String,
    /// Names in lower case, values without white space around them.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body without its coding.
    pub body: Vec<u8>,
    /// What followed a chunked body.
    pub trailers: Vec<(String, Vec<u8>)>,
}

impl Message {
    /// All values of a header.
    pub fn all<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m [u8]> {
        let named = self.headers.iter().filter(move |(own, _)| own == name);
        named.map(|(_, value)| value.as_slice())
    }

    /// The first value of a header, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.all(name)
            .next()
            .map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// The n-th word of the first line.
    #[must_use]
    pub fn word(&self, n: usize) -> &str {
        self.line.split(' ').nth(n).unwrap_or_default()
    }

    /// The status of an answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or_default()
    }
}

/// The first message of some bytes and how many of them it takes; `None` while it is not complete.
pub type Read = Result<Option<(Message, usize)>, &'static str>;

/// Reads a request.
///
/// # Errors
/// What no client may send.
pub fn request(bytes: &[u8]) -> Read {
    let Some((mut message, at)) = head(bytes)? else {
        return Ok(None);
    };
    request_line(&message.line)?;
    let coded: Vec<_> = message.all("transfer-encoding").collect();
    let hosts = message.all("host").count();
    if hosts > 1 || (hosts == 0 && message.line.ends_with("HTTP/1.1")) {
        return Err("not one Host");
    }
    if coded.is_empty() {
        let length = length(&message)?.unwrap_or(0);
        return Ok(take(message, bytes, at, length));
    }
    if coded != [b"chunked"] && !coded[0].eq_ignore_ascii_case(b"chunked") {
        return Err("Transfer-Encoding is not chunked");
    }
    if coded.len() > 1 || message.all("content-length").count() > 0 {
        return Err("two framings");
    }
    if message.line.ends_with("HTTP/1.0") {
        return Err("Transfer-Encoding in HTTP/1.0");
    }
    chunked(&mut message, bytes, at).map(|end| end.map(|end| (message, end)))
}

/// Reads the answer to a request with `method`; `ended` says that nothing will follow `bytes`.
///
/// # Errors
/// What no server may send.
pub fn response(bytes: &[u8], method: &str, ended: bool) -> Read {
    let Some((mut message, at)) = head(bytes)? else {
        return Ok(None);
    };
    let status = message.word(1);
    let known = (message.line.starts_with("HTTP/1.1 ") || message.line.starts_with("HTTP/1.0 "))
        && status.len() == 3;
    if !known || !status.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("malformed status line");
    }
    let status = message.status();
    if method == "HEAD" || status < 200 || matches!(status, 204 | 304) {
        return Ok(Some((message, at)));
    }
    let coded: Vec<_> = message.all("transfer-encoding").collect();
    if coded == [b"chunked"] {
        if message.all("content-length").count() > 0 {
            return Err("two framings");
        }
        return chunked(&mut message, bytes, at).map(|end| end.map(|end| (message, end)));
    }
    if !coded.is_empty() {
        return Err("Transfer-Encoding is not chunked");
    }
    match length(&message)? {
        Some(length) => Ok(take(message, bytes, at, length)),
        None if ended => Ok(take(message, bytes, at, bytes.len() - at)),
        None => Ok(None),
    }
}

fn take(mut message: Message, bytes: &[u8], at: usize, length: usize) -> Option<(Message, usize)> {
    let end = at.checked_add(length).filter(|end| *end <= bytes.len())?;
    message.body = bytes[at..end].to_vec();
    Some((message, end))
}

/// The next line without its end, and where the one after it begins.
fn line(bytes: &[u8], at: usize) -> Result<Option<(&[u8], usize)>, &'static str> {
    let Some(end) = bytes[at..].iter().position(|byte| *byte == b'\n') else {
        return Ok(None);
    };
    let line = bytes[at..at + end]
        .strip_suffix(b"\r")
        .ok_or("LF without CR")?;
    if line.iter().any(|byte| matches!(byte, b'\r' | 0)) {
        return Err("CR or NUL in a line");
    }
    Ok(Some((line, at + end + 1)))
}

fn head(bytes: &[u8]) -> Read {
    let Some((first, at)) = line(bytes, 0)? else {
        return Ok(None);
    };
    let line = String::from_utf8_lossy(first).into_owned();
    let Some((headers, at)) = fields(bytes, at)? else {
        return Ok(None);
    };
    let message = Message {
        line,
        headers,
        body: Vec::new(),
        trailers: Vec::new(),
    };
    Ok(Some((message, at)))
}

type Fields = Vec<(String, Vec<u8>)>;

/// Header lines up to the empty one.
fn fields(bytes: &[u8], mut at: usize) -> Result<Option<(Fields, usize)>, &'static str> {
    let mut fields = Vec::new();
    loop {
        let Some((field, next)) = line(bytes, at)? else {
            return Ok(None);
        };
        at = next;
        if field.is_empty() {
            return Ok(Some((fields, at)));
        }
        let colon = field.iter().position(|byte| *byte == b':');
        let (name, value) = field.split_at(colon.ok_or("no colon")?);
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err("malformed name");
        }
        let text = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
        if !value.iter().all(text) {
            return Err("control character in a value");
        }
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        fields.push((name, value[1..].trim_ascii().to_vec()));
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn request_line(line: &str) -> Result<(), &'static str> {
    let words: Vec<&str> = line.split(' ').collect();
    let [method, target, "HTTP/1.1" | "HTTP/1.0"] = words[..] else {
        return Err("malformed request line");
    };
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    if method.is_empty() || !method.bytes().all(is_token) {
        return Err("malformed method");
    }
    if target.is_empty() || !target.bytes().all(plain) {
        return Err("malformed request target");
    }
    Ok(())
}

/// The one `Content-Length`.
fn length(message: &Message) -> Result<Option<usize>, &'static str> {
    let mut all = message.all("content-length");
    let Some(value) = all.next() else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(value).into_owned();
    let number = text.parse::<usize>().map_err(|_| "malformed length")?;
    if all.next().is_some() || number.to_string() != text {
        return Err("not one plain length");
    }
    Ok(Some(number))
}

/// Reads a chunked body into the message; where it ends.
fn chunked(
    message: &mut Message,
    bytes: &[u8],
    mut at: usize,
) -> Result<Option<usize>, &'static str> {
    loop {
        let Some((size, next)) = line(bytes, at)? else {
            return Ok(None);
        };
        let end = size.iter().position(|byte| *byte == b';');
        let digits = &size[..end.unwrap_or(size.len())];
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err("malformed chunk size");
        }
        let digits = String::from_utf8_lossy(digits);
        let size = usize::from_str_radix(&digits, 16).map_err(|_| "chunk size overflows")?;
        if size == 0 {
            let Some((trailers, end)) = fields(bytes, next)? else {
                return Ok(None);
            };
            message.trailers = trailers;
            return Ok(Some(end));
        }
        let end = next.checked_add(size).ok_or("chunk size overflows")?;
        if end > bytes.len() {
            return Ok(None);
        }
        match &bytes[end..bytes.len().min(end + 2)] {
            b"\r\n" => {}
            b"" | b"\r" => return Ok(None),
            _ => return Err("a chunk does not end where its size says"),
        }
        message.body.extend_from_slice(&bytes[next..end]);
        at = end + 2;
    }
}
