//! Cases 75-77 and 85: headers, hosts, sizes.

use super::judge::{Fate, HERE, OPTIONS, Outcome, Vector, case, sent_and_judged};
use super::strict::Message;
use Fate::{Either, Forwarded, Refused};

fn get(name: &str, fate: Fate, lines: &str) -> Vector {
    let bytes = format!("GET {HERE}/x HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
    Vector::new(name, fate, bytes)
}

/// The one request that was forwarded.
fn only(outcome: &Outcome) -> Result<Message, String> {
    let mut all = outcome.forwarded()?;
    match (all.pop(), all.pop()) {
        (Some(request), None) => Ok(request),
        (first, _) => Err(format!("not one request: {first:?}")),
    }
}

/// The vectors of what is for one hop only; the peer was measured with twelve, too.
#[tokio::test]
async fn case_75_headers_for_one_hop() {
    // What must not get through, or not with this in its value.
    let vectors: Vec<_> = [
        ("x-secret", "Connection: X-Secret\r\nX-Secret: 1\r\n"),
        (
            "authorization",
            "Connection: Authorization\r\nAuthorization: token x\r\n",
        ),
        ("cookie", "Connection: cookie\r\nCookie: a=b\r\n"),
        ("x-b", "Connection: close, X-A,X-B\r\nX-A: 1\r\nX-B: 2\r\n"),
        (
            "x-d",
            "Connection: X-C\r\nConnection: X-D\r\nX-C: 1\r\nX-D: 2\r\n",
        ),
        ("keep-alive", "Keep-Alive: timeout=5\r\n"),
        ("proxy-authorization", "Proxy-Authorization: Basic eA==\r\n"),
        ("proxy-connection", "Proxy-Connection: keep-alive\r\n"),
        ("te", "TE: gzip, deflate\r\n"),
        ("upgrade", "Connection: Upgrade\r\nUpgrade: other/1\r\n"),
        ("trailer", "Trailer: X-Checksum\r\n"),
        (
            "x-forwarded-for",
            "Connection: X-Forwarded-For, X-Forwarded-Proto\r\nX-Forwarded-For: 6.6.6.6\r\n",
        ),
    ]
    .into_iter()
    .map(|(name, lines)| get(name, Forwarded, lines))
    .collect();
    assert_eq!(vectors.len(), 12);
    let judge = |vector: &Vector, outcome: &Outcome| {
        outcome.fits(vector.fate)?;
        let request = only(outcome)?;
        let own = request.header("x-forwarded-for").unwrap_or_default();
        if own != "127.0.0.1" || request.header("x-forwarded-proto").is_none() {
            return Err(format!("X-Forwarded-For is {own:?}"));
        }
        let connection = request.header("connection").unwrap_or_default();
        if !matches!(connection.as_str(), "" | "close" | "keep-alive") {
            return Err(format!("Connection is {connection:?}"));
        }
        if vector.name != "x-forwarded-for" && request.header(&vector.name).is_some() {
            return Err(format!("{} was passed on", vector.name));
        }
        Ok(())
    };
    sent_and_judged(75, &vectors, &OPTIONS, judge).await;
}

#[tokio::test]
async fn case_75_headers_that_frame_are_not_for_one_hop() {
    let vectors: Vec<_> = ["Host", "Content-Length", "transfer-encoding", "close, host"]
        .into_iter()
        .map(|name| get(name, Refused, &format!("Connection: {name}\r\n")))
        .collect();
    case(751, &vectors).await;
}

#[tokio::test]
async fn case_76_aliases_of_forwarding_headers() {
    let long = "6.6.6.6, ".repeat(1000) + "6.6.6.6";
    let mut vectors = Vec::new();
    for name in [
        "X_Forwarded_For",
        "X.Forwarded.For",
        "x_forwarded-for",
        "X-Forwarded_Proto",
        "X_FORWARDED_HOST",
        "X.Forwarded-Port",
        "X_Forwarded_Prefix",
    ] {
        vectors.push(get(name, Forwarded, &format!("{name}: 6.6.6.6\r\n")));
    }
    for (name, lines) in [
        ("given", "X-Forwarded-For: 6.6.6.6\r\n".to_owned()),
        (
            "given twice",
            "X-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: 7.7.7.7\r\n".to_owned(),
        ),
        ("given at length", format!("X-Forwarded-For: {long}\r\n")),
        ("empty", "X-Forwarded-For:\r\n".to_owned()),
    ] {
        vectors.push(get(name, Forwarded, &lines));
    }
    let judge = |vector: &Vector, outcome: &Outcome| {
        outcome.fits(vector.fate)?;
        let request = only(outcome)?;
        let alias = request.headers.iter().find(|(name, _)| {
            name.contains(['_', '.']) && name.replace(['_', '.'], "-").starts_with("x-forwarded-")
        });
        if let Some((name, _)) = alias {
            return Err(format!("{name} was passed on"));
        }
        let all: Vec<_> = request.all("x-forwarded-for").collect();
        let last = all.last().copied().unwrap_or_default();
        let kept = vector.name != "given twice" || all.concat().starts_with(b"6.6.6.6");
        if all.len() != 1 || !last.ends_with(b"127.0.0.1") || !kept {
            return Err(format!("X-Forwarded-For is {}", last.escape_ascii()));
        }
        Ok(())
    };
    sent_and_judged(76, &vectors, &OPTIONS, judge).await;
}

#[tokio::test]
async fn case_77_hosts() {
    let mut vectors = Vec::new();
    for (fate, lines) in [
        (Refused, ""),
        (Refused, "Host: h\r\nHost: h\r\n"),
        (Refused, "Host: h\r\nHost: other\r\n"),
        (Refused, "Host: h, other\r\n"),
        (Refused, "Host: user:pw@h\r\n"),
        (Refused, "Host: h/path\r\n"),
        (Refused, "Host: h other\r\n"),
        (Refused, "Host:\r\n"),
        (Refused, "Host: h?x\r\n"),
        (Refused, "Host: h\\x\r\n"),
        (Forwarded, "Host: [::1]:8000\r\n"),
        (Forwarded, "Host: h:8000\r\n"),
        (Forwarded, "Host: H.EXAMPLE\r\n"),
    ] {
        let bytes = format!("GET {HERE}/x HTTP/1.1\r\n{lines}\r\n");
        vectors.push(Vector::new(lines.escape_debug().to_string(), fate, bytes));
    }
    for (fate, target) in [
        (Forwarded, "http://h/HERE/x"),
        (Forwarded, "http://other:81/HERE/x"),
        (Either, "ftp://h/HERE/x"),
        (Either, "http://u:p@h/HERE/x"),
        (Either, "http:///HERE/x"),
        (Either, "//h/HERE/x"),
    ] {
        let bytes = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
        vectors.push(Vector::new(target, fate, bytes));
    }
    let judge = |vector: &Vector, outcome: &Outcome| {
        outcome.fits(vector.fate)?;
        let Ok(request) = only(outcome) else {
            return Ok(());
        };
        let host = request.header("host").unwrap_or_default();
        let authority = vector.name.strip_prefix("http://");
        let authority = authority.and_then(|rest| rest.split('/').next());
        if authority.is_some_and(|authority| authority != host) {
            return Err(format!("Host is {host:?}"));
        }
        if !request.word(1).starts_with('/') {
            return Err(format!("asked for {}", request.word(1)));
        }
        Ok(())
    };
    sent_and_judged(77, &vectors, &OPTIONS, judge).await;
}

#[tokio::test]
async fn case_85_large_heads_are_refused_and_told() {
    let header = |size: usize| format!("X: {}\r\n", "y".repeat(size));
    let mut vectors = vec![
        get("64 KB header", Refused, &header(64_000)),
        get("1 MB header", Refused, &header(1_000_000)),
        get("5,000 headers", Refused, &"X: y\r\n".repeat(5000)),
        get("12 KB header", Forwarded, &header(12_000)),
    ];
    for size in [20_000, 1_000_000] {
        let path = "y".repeat(size);
        let bytes = format!("GET {HERE}/{path} HTTP/1.1\r\nHost: h\r\n\r\n");
        vectors.push(Vector::new(format!("URL of {size}"), Refused, bytes));
    }
    let judge = |vector: &Vector, outcome: &Outcome| {
        outcome.fits(vector.fate)?;
        let status = outcome.answers()?.first().map_or(0, Message::status);
        if vector.fate == Refused && !matches!(status, 414 | 431) {
            return Err(format!("answered {status}"));
        }
        Ok(())
    };
    sent_and_judged(85, &vectors, &OPTIONS, judge).await;
}
