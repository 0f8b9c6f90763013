//! Case 74: the graded requests that ship with `http_desync_guardian`.

use std::process::Command;

use e2e::peers;
use serde_json::Value;

use super::judge::{Fate, HERE, OPTIONS, Outcome, Vector, sent_and_judged};

/// The cases of all files, as JSON.
fn cases() -> Vec<Value> {
    let read = "import json, pathlib, sys, yaml\n\
        files = sorted(pathlib.Path(sys.argv[1]).glob('*.yaml'))\n\
        json.dump([case for file in files for case in yaml.safe_load(file.open())], sys.stdout, default=str)";
    let output = Command::new(peers::python("python"))
        .args(["-c", read])
        .arg(peers::desync_guardian().join("tests"))
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Requests that its authors find harmless, and that are refused all the same: transfer codings besides `chunked` (case
/// 66; their meaning would have to be undone or lost), and request targets that are none (RFC 9112 3.2: a fragment, raw
/// bytes above 0x7f, nothing at all).
const HARMLESS_BUT_REFUSED: [&str; 10] = [
    "Correct TE OK",
    "Transfer-Encoding: identity and chunked OK",
    "Multiple transfer encoding headers in a single request OK",
    "TE with custom parameters OK",
    "Different Transfer-Encoding headers",
    "Different Transfer-Encoding headers combined",
    "Transfer-Encoding with a param: chunked;custom_param",
    "Compliant URL",
    "International in URI",
    "Empty URI",
];

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The request of a case, with a `Host` if it has none, and as long a body as it says.
fn request(case: &Value) -> Vec<u8> {
    let uri = text(&case["uri"]);
    let uri = match uri.strip_prefix('/') {
        Some(rest) => format!("{HERE}/{rest}"),
        None => uri,
    };
    let version = text(&case["version"]);
    let mut head = format!("{} {uri} {version}\r\n", text(&case["method"]));
    let headers = case["headers"].as_array().cloned().unwrap_or_default();
    let mut body = Vec::new();
    let mut host = false;
    for header in &headers {
        let (name, value) = (text(&header["name"]), text(&header["value"]));
        host |= name.trim().eq_ignore_ascii_case("host");
        if name.eq_ignore_ascii_case("content-length") {
            body = vec![b'x'; value.trim().parse::<usize>().unwrap_or(0).min(8 << 20)];
        }
        if name.eq_ignore_ascii_case("transfer-encoding") && value.trim() == "chunked" {
            body = b"1\r\nx\r\n0\r\n\r\n".to_vec();
        }
        head.push_str(&format!("{name}:{value}\r\n"));
    }
    if !host {
        head.push_str("Host: h\r\n");
    }
    // The files mean bytes where they write code points.
    let mut bytes: Vec<u8> = head
        .chars()
        .flat_map(|c| match u8::try_from(u32::from(c)) {
            Ok(byte) => vec![byte],
            Err(_) => c.to_string().into_bytes(),
        })
        .collect();
    bytes.extend_from_slice(b"\r\n");
    bytes.extend(body);
    bytes
}

/// Severe and ambiguous requests do not get through as they are; compliant ones do.
fn judge(vector: &Vector, outcome: &Outcome) -> Result<(), String> {
    outcome.fits(vector.fate)?;
    if vector.fate != Fate::Either || outcome.received.is_empty() {
        return Ok(());
    }
    let head = |bytes: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
        let head = text.split("\r\n\r\n").next().unwrap_or_default().to_owned();
        head.split("\r\n").map(ToOwned::to_owned).collect()
    };
    let (sent, got) = (head(&outcome.sent), head(&outcome.received.concat()));
    // The framing that made it ambiguous must be gone.
    let framing = |line: &&String| line.starts_with("transfer") || line.starts_with("content-l");
    let (sent, got): (Vec<_>, Vec<_>) = (
        sent.iter().filter(framing).collect(),
        got.iter().filter(framing).collect(),
    );
    if sent.len() > 1 && sent == got {
        return Err("forwarded as it was".to_owned());
    }
    Ok(())
}

#[tokio::test]
async fn case_74_requests_graded_by_http_desync_guardian() {
    let cases = cases();
    assert_eq!(cases.len(), 159);
    let graded = |tier: &str| {
        let same = cases.iter().filter(|case| case["expected"]["tier"] == tier);
        same.count()
    };
    let counts = ["Severe", "Ambiguous", "Acceptable", "Compliant"].map(graded);
    assert_eq!(counts, [58, 58, 15, 28]);
    let vectors: Vec<_> = cases
        .iter()
        .map(|case| {
            let tier = text(&case["expected"]["tier"]);
            let name = text(&case["name"]);
            let fate = match tier.as_str() {
                "Compliant" if HARMLESS_BUT_REFUSED.contains(&name.as_str()) => Fate::Refused,
                "Compliant" => Fate::Forwarded,
                _ => Fate::Either,
            };
            Vector::new(format!("{tier}: {name}"), fate, request(case))
        })
        .collect();
    let refused = vectors.iter().filter(|vector| vector.fate == Fate::Refused);
    assert_eq!(refused.count(), HARMLESS_BUT_REFUSED.len());
    sent_and_judged(74, &vectors, &OPTIONS, judge).await;
}
