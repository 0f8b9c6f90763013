//! Follows the body of a request to find where the next head starts.

use crate::guard::head::{Framing, Refusal, header_line};

/// Longest chunk-size line and longest trailer line, in bytes.
const MAX_LINE: usize = 4096;
/// Longest trailer section, in bytes.
const MAX_TRAILERS: usize = 16 * 1024;

/// Where in a body we are.
#[derive(Debug)]
pub(crate) enum Follower {
    /// So many bytes are left.
    Length(u64),
    /// Within chunked coding.
    Chunked(Chunked),
}

impl Follower {
    /// Starts to follow a body; `None` when there is none.
    pub(crate) fn start(framing: Framing) -> Option<Self> {
        match framing {
            Framing::Length(0) => None,
            Framing::Length(length) => Some(Self::Length(length)),
            Framing::Chunked => Some(Self::Chunked(Chunked::default())),
        }
    }

    /// Takes the next bytes. Returns how many of them belong to this body, and whether it ends with them.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<(usize, bool), Refusal> {
        match self {
            Self::Length(left) => {
                let taken = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                *left -= taken as u64;
                Ok((taken, *left == 0))
            }
            Self::Chunked(chunked) => chunked.advance(bytes),
        }
    }
}

/// Which part of chunked coding (RFC 9112 7.1) comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// `size [;extension] CRLF`, collected in `line`.
    Size,
    /// So many bytes of data.
    Data(u64),
    /// The CR after data.
    DataCr,
    /// The LF after data.
    DataLf,
    /// Trailer lines up to an empty one, collected in `line`.
    Trailers,
}

/// State of a chunked body.
#[derive(Debug)]
pub(crate) struct Chunked {
    part: Part,
    line: Vec<u8>,
    trailers: usize,
}

impl Default for Chunked {
    fn default() -> Self {
        Self {
            part: Part::Size,
            line: Vec::new(),
            trailers: 0,
        }
    }
}

impl Chunked {
    fn advance(&mut self, bytes: &[u8]) -> Result<(usize, bool), Refusal> {
        let mut at = 0;
        while at < bytes.len() {
            match self.part {
                Part::Data(left) => {
                    let taken = usize::try_from(left)
                        .unwrap_or(usize::MAX)
                        .min(bytes.len() - at);
                    at += taken;
                    let left = left - taken as u64;
                    self.part = if left == 0 {
                        Part::DataCr
                    } else {
                        Part::Data(left)
                    };
                }
                Part::DataCr => {
                    self.expect(bytes[at], b'\r', Part::DataLf)?;
                    at += 1;
                }
                Part::DataLf => {
                    self.expect(bytes[at], b'\n', Part::Size)?;
                    at += 1;
                }
                Part::Size | Part::Trailers => {
                    at += 1;
                    if self.line_byte(bytes[at - 1])? {
                        return Ok((at, true));
                    }
                }
            }
        }
        Ok((at, false))
    }

    fn expect(&mut self, byte: u8, wanted: u8, next: Part) -> Result<(), Refusal> {
        if byte != wanted {
            return Err(Refusal::bad("chunk data does not end where its size says"));
        }
        self.part = next;
        Ok(())
    }

    /// One byte of a size or trailer line. True when the body ends with it.
    fn line_byte(&mut self, byte: u8) -> Result<bool, Refusal> {
        if byte != b'\n' {
            if self.line.last() == Some(&b'\r') {
                return Err(Refusal::bad("bare CR in chunked coding"));
            }
            if self.line.len() >= MAX_LINE {
                return Err(Refusal::bad("line in chunked coding too long"));
            }
            self.line.push(byte);
            return Ok(false);
        }
        if self.line.pop() != Some(b'\r') {
            return Err(Refusal::bad("bare LF in chunked coding"));
        }
        let line = std::mem::take(&mut self.line);
        self.line_end(&line)
    }

    fn line_end(&mut self, line: &[u8]) -> Result<bool, Refusal> {
        if self.part == Part::Size {
            let size = chunk_size(line)?;
            self.part = if size == 0 {
                Part::Trailers
            } else {
                Part::Data(size)
            };
            return Ok(false);
        }
        if line.is_empty() {
            return Ok(true);
        }
        self.trailers += line.len() + 2;
        if self.trailers > MAX_TRAILERS {
            return Err(Refusal::bad("trailers too large"));
        }
        header_line(line).map(|_| false)
    }
}

/// `HEX[;extension]`; the extension is not looked at, but must be text. It is not forwarded.
fn chunk_size(line: &[u8]) -> Result<u64, Refusal> {
    const BAD: Refusal = Refusal::bad("malformed chunk size");
    let (digits, extension) = match line.iter().position(|byte| *byte == b';') {
        Some(at) => line.split_at(at),
        None => (line, &b""[..]),
    };
    let plain = (1..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    if !plain
        || !extension
            .iter()
            .all(|byte| *byte == b'\t' || (0x20..0x7f).contains(byte))
    {
        return Err(BAD);
    }
    let text = std::str::from_utf8(digits).map_err(|_| BAD)?;
    u64::from_str_radix(text, 16).map_err(|_| BAD)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds `bytes` in pieces of `step`; where the body ends, if it does.
    fn follow(bytes: &[u8], step: usize) -> Result<Option<usize>, Refusal> {
        let mut follower = Follower::start(Framing::Chunked).unwrap();
        let mut at = 0;
        for piece in bytes.chunks(step) {
            let (taken, done) = follower.advance(piece)?;
            at += taken;
            if done {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    #[test]
    fn finds_the_end() {
        for (body, left) in [
            ("0\r\n\r\n", 0),
            ("3\r\nabc\r\n0\r\n\r\nGET /", 5),
            ("3;x=y\r\nabc\r\n0\r\n\r\n", 0),
            ("00A\r\n0123456789\r\n0\r\nT: x\r\nU: y\r\n\r\nX", 1),
        ] {
            for step in 1..body.len() {
                assert_eq!(
                    follow(body.as_bytes(), step),
                    Ok(Some(body.len() - left)),
                    "{body:?} by {step}"
                );
            }
        }
        assert_eq!(follow(b"3\r\nabc\r\n", 4), Ok(None));
    }

    #[test]
    fn odd_chunking_is_refused() {
        for body in [
            "3\nabc\r\n",
            "3\r\nabc\n",
            "3\r\nabcX\r\n",
            "0x3\r\n",
            "+3\r\n",
            "-3\r\n",
            " 3\r\n",
            "3 \r\n",
            "\r\n",
            "3;\rx\r\n",
            "3;a\u{1}\r\n",
            "FFFFFFFFFFFFFFFFF\r\n",
            "ffffffffffffffff\r\n",
            "g\r\n",
            "0\r\n\n",
            "0\r\nno colon\r\n\r\n",
            "0\r\n folded: x\r\n\r\n",
            "0\r\nA : x\r\n\r\n",
            "0\r\nA: \r\r\n\r\n",
        ] {
            assert!(follow(body.as_bytes(), 1).is_err(), "{body:?}");
            assert!(follow(body.as_bytes(), body.len()).is_err(), "{body:?}");
        }
        let long = format!("3;{}\r\n", "x".repeat(MAX_LINE));
        assert!(follow(long.as_bytes(), 100).is_err());
        let trailers = format!(
            "0\r\n{}\r\n",
            format!("A: {}\r\n", "x".repeat(1000)).repeat(20)
        );
        assert!(follow(trailers.as_bytes(), 100).is_err());
    }

    #[test]
    fn counts_lengths() {
        assert!(Follower::start(Framing::Length(0)).is_none());
        let mut follower = Follower::start(Framing::Length(5)).unwrap();
        assert_eq!(follower.advance(b"abc"), Ok((3, false)));
        assert_eq!(follower.advance(b"defg"), Ok((2, true)));
    }

    proptest! {
        #[test]
        fn the_end_does_not_depend_on_the_pieces(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6),
            step in 1_usize..50,
        ) {
            let mut body = Vec::new();
            for chunk in &chunks {
                body.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                body.extend(chunk);
                body.extend(b"\r\n");
            }
            body.extend(b"0\r\n\r\n");
            let end = body.len();
            body.extend(b"NEXT");
            prop_assert_eq!(follow(&body, step), Ok(Some(end)));
        }
    }
}
