//! Case 80: the route that is chosen and the path that is passed on name the same server.

use percent_encoding::percent_decode_str;
use url::Url;

use super::door::Door;
use super::judge::{OPTIONS, Tally, fault_of_server};
use super::recorder::Recorder;
use super::strict::{self, Message};
use super::wire;

/// Paths, and whether they cannot be decoded, so that 400 is the only answer.
fn paths() -> Vec<(String, bool)> {
    let mut paths: Vec<(String, bool)> = [
        "/user/a/../b/x",
        "/user/a/%2e%2e/b/x",
        "/user/a/.%2e/b/x",
        "/user/a/%2E%2E/b/x",
        "/user/a/..%2fb/x",
        "/user/a/%2e%2e%2fb/x",
        "/user/a/..%5cb/x",
        "/user/a\\..\\b/x",
        "/user//a/x",
        "//user/a/x",
        "///user///a",
        "/user/./a/x",
        "/user/a/.",
        "/user/a/..",
        "/user/a;x/y",
        "/user/a;/../b",
        "/user%2fa/x",
        "/user/%61/x",
        "/user/a%2f..%2fb/x",
        "/USER/A/x",
        "/user/ab",
        "/user/a%00/x",
        "/user/a%252f..%252fb",
        "/user/a/%c3%a9",
        "/__proto__",
        "/constructor",
        "/user/a?/../b",
    ]
    .map(|path| (path.to_owned(), false))
    .to_vec();
    paths.push((format!("/user/a/{}", "x".repeat(10_000)), false));
    for bad in [
        "/user/a/%zz",
        "/user/a/%",
        "/user/a/%2",
        "/user/a/%c0%af..",
        "/user/a/%ff",
    ] {
        paths.push((bad.to_owned(), true));
    }
    paths
}

/// What a server may make of a path: as it is, and decoded.
fn readings(path: &str) -> [String; 2] {
    let url = Url::parse(&format!("http://h{path}")).expect("a path");
    let plain = url.path().trim_matches('/').to_owned();
    let decoded = percent_decode_str(&plain).decode_utf8_lossy().into_owned();
    [plain, decoded]
}

#[tokio::test]
async fn case_80_paths_that_mislead() {
    let mut tally = Tally::new("case 80".to_owned());
    for door in Door::both(&OPTIONS).await {
        let targets = [("a", "/user/a"), ("b", "/user/b"), ("root", "/")];
        let mut recorders = Vec::new();
        for (name, route) in targets {
            let recorder = Recorder::named(name).await;
            door.route(route, &recorder.url()).await;
            recorders.push((name, recorder));
        }
        for (path, undecodable) in paths() {
            let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
            let heard = wire::say(door.public, request.as_bytes()).await;
            let answer = strict::response(&heard.bytes, "GET", heard.closed);
            let status = answer
                .ok()
                .flatten()
                .map_or(0, |(answer, _)| Message::status(&answer));
            let mut got = Vec::new();
            for (name, recorder) in &recorders {
                for bytes in recorder.take() {
                    let read = strict::request(&bytes).expect("plain").expect("whole");
                    got.push((*name, read.0.word(1).to_owned()));
                }
            }
            let verdict = judge(&path, undecodable, status, &got);
            let shown: String = format!("{status} {got:?}").chars().take(200).collect();
            let name: String = path.chars().take(60).collect();
            tally.add(door.kind, &name, verdict, &shown);
        }
    }
    tally.close("proxy-case-80");
}

fn judge(path: &str, undecodable: bool, status: u16, got: &[(&str, String)]) -> Result<(), String> {
    if status == 0 || fault_of_server(status) {
        return Err(format!("answered {status}"));
    }
    if undecodable && status != 400 {
        return Err("passed on".to_owned());
    }
    let Some((name, forwarded)) = got.first() else {
        return if status >= 400 {
            Ok(())
        } else {
            Err("nobody was asked".to_owned())
        };
    };
    let path = forwarded.split('?').next().unwrap_or(path);
    let own = format!("user/{name}");
    let within = |whole: &str, part: &str| whole == part || whole.starts_with(&format!("{part}/"));
    let [plain, decoded] = readings(path);
    if *name != "root" && !within(&decoded, &own) {
        return Err(format!("{name} was asked for {decoded}"));
    }
    for other in ["user/a", "user/b"] {
        if other != own && (within(&plain, other) || within(&decoded, other)) {
            return Err(format!("{name} was asked for {plain}"));
        }
    }
    Ok(())
}
