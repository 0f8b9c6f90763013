//! A user's server on the hub's own host, whose scripts run in the browsers of those who visit it.

use serde_json::Value;

use super::{log_in, stack};

/// What such a script tries, and what it comes by: pages, forms sent for the visitor, frames and windows with pages of ours.
const ATTACK: &str = r"
const done = arguments[arguments.length - 1];
const later = (ms) => new Promise((go) => setTimeout(go, ms));
const pages = ['/hub/home', '/hub/token', '/hub/spawn/mal/other', '/hub/nope', '/hub/api/users/mal'];
const holds = (text) => /_xsrf\W+value=.[^'\x22]/.test(text ?? '') || /_xsrf=/.test(text ?? '');
(async () => {
  const got = [];
  for (const page of pages) {
    for (const mode of ['cors', 'same-origin', 'no-cors']) {
      const reply = await fetch(page, { mode, referrer: '/hub/home' });
      const text = await reply.text();
      if (holds(text) || (reply.ok && page !== '/hub/nope')) got.push(`${mode} ${page}: ${reply.status}`);
    }
  }
  for (const path of [...pages, '/hub/static/favicon.svg', '/hub/api/', '/hub/health', '/hub/logo', '/hub/a%']) {
    const frame = document.createElement('iframe');
    frame.src = path;
    const loaded = new Promise((go) => { frame.onload = go; frame.onerror = go; });
    document.body.append(frame);
    await Promise.race([loaded, later(3000)]);
    try {
      const inside = frame.contentDocument;
      if (inside && (holds(inside.cookie) || holds(inside.documentElement.outerHTML))) got.push(`frame ${path}`);
    } catch { /* that is the point */ }
    frame.remove();
  }
  // A start without options may be opened: it is no more than a link (docs/security.md).
  for (const path of [...pages.filter((page) => !page.includes('spawn')), '/hub/static/favicon.svg', '/hub/api/', '/hub/a%']) {
    const opened = window.open(path);
    await later(1500);
    try {
      const inside = opened?.document;
      if (inside && (holds(inside.cookie) || holds(inside.documentElement.outerHTML))) got.push(`window ${path}`);
    } catch { /* that is the point */ }
    opened?.close();
  }
  const form = new URLSearchParams({ display_name: 'Other' });
  const sent = await fetch('/hub/home/new-server', { method: 'POST', body: form, referrer: '/hub/home' });
  if (sent.status !== 403) got.push(`form: ${sent.status}`);
  done(got);
})().catch((error) => done([`${error}`]));
";

#[tokio::test]
async fn a_script_of_a_users_server_gets_nowhere() {
    let stack = stack().await;
    let browser = stack.browser().await;
    log_in(&browser, &stack, "mal").await;
    browser.click("#start").await;
    browser.at("the server", |at| at == "/user/mal/").await;
    // A document of that server without a policy of its own: what an attacker would serve.
    browser
        .open(&format!("{}user/mal/style.css", stack.url()))
        .await;
    browser
        .at("the document", |at| at == "/user/mal/style.css")
        .await;
    let got = browser.client().execute_async(ATTACK, Vec::new()).await;
    let got = got.expect("the attack comes to its end");
    assert_eq!(got, Value::Array(Vec::new()), "what a script came by");
    let servers = stack.api().user("mal").await["servers"].clone();
    assert_eq!(
        servers.as_object().map(serde_json::Map::len),
        Some(1),
        "{servers}"
    );
}
