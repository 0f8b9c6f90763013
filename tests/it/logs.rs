//! The log as programs read it.

use e2e::Stack;
use serde_json::Value;

#[tokio::test]
async fn a_log_of_json_says_to_which_request_a_line_belongs() {
    let mut stack = Stack::builder()
        .config("[hub]\nlog_format = 'json'\n[JupyterHub]\nlog_level = 'DEBUG'")
        .start()
        .await;
    let refused = stack.visitor().try_login("m\nal", "x").await;
    let page = stack.client().get("hub/login").await.expect(200);
    let ids =
        [&refused, &page].map(|reply| reply.header("x-request-id").expect("an id").to_owned());
    assert!(stack.stop_hub().await.status.success());
    let lines: Vec<Value> = stack
        .log()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for key in ["time", "level", "module", "line", "message"] {
        assert!(
            lines.iter().all(|line| line.get(key).is_some()),
            "{key}: {lines:#?}"
        );
    }
    for (id, path) in ids.iter().zip(["POST /hub/login", "GET /hub/login"]) {
        let of_request = lines.iter().filter(|line| line["request"] == id.as_str());
        let mut said = of_request.filter_map(|line| line["message"].as_str());
        assert!(
            said.any(|message| message.contains(path)),
            "{id}: {lines:#?}"
        );
    }
}
