//! The page of the demo server.

use axum::response::{IntoResponse as _, Response};
use hubauth::HubUser;

use super::Demo;
use crate::look::{Page, escape};

/// Who the visitor is, a WebSocket to try, and what to do next.
pub(super) fn page(demo: &Demo, user: &HubUser) -> Response {
    let config = &demo.config;
    let whose = if user.name == demo.owner {
        "This is your own server.".to_owned()
    } else {
        format!(
            "This is a server of {}, who lets you in.",
            escape(&demo.owner)
        )
    };
    let body = format!(
        r#"<h1>It works, <span id="name">{name}</span></h1>
<p class="quiet">{whose} The hub started it, the proxy brought you here, and the login was the hub's.</p>
<section class="card" aria-label="Server"><dl>
<dt>You</dt><dd><strong>{name}</strong>{admin}</dd>
<dt>Server</dt><dd>{server}</dd>
<dt>Address</dt><dd><code>{prefix}</code></dd>
</dl></section>
<section class="card"><h2>A live connection</h2>
<p>What you send goes through the proxy to your server and comes back over a WebSocket.
<span class="state" id="state" role="status" data-state="connecting">Connecting …</span></p>
<form class="line" id="form"><label for="message">Message</label>
<input id="message" autocomplete="off" maxlength="1000" required><button id="send" disabled>Send</button></form>
<ol class="log" id="log" aria-live="polite"></ol></section>
<section class="card"><h2>Get JupyterLab</h2>
<p>This small server is here because <code>jupyterhub-singleuser</code> was not found. To work in notebooks, install both
with Python 3.10 or later:</p>
<pre tabindex="0"><code>pip install jupyterlab jupyterhub</code></pre>
<p>Then change these lines in the hub's <code>hub.toml</code> (a quickstart keeps it in <code>hub-data</code>):</p>
<pre tabindex="0"><code>[Spawner]
cmd = ["jupyterhub-singleuser"]{as_root}</code></pre>
<p>start the hub again, and stop and start your server on its home page.</p></section>"#,
        as_root = if nix::unistd::geteuid().is_root() {
            "\nargs = [\"--allow-root\"]"
        } else {
            ""
        },
        name = escape(&user.name),
        admin = if user.admin { " (administrator)" } else { "" },
        server = match demo.server.as_str() {
            "" => format!("default server of {}", escape(&demo.owner)),
            name => format!("{} of {}", escape(name), escape(&demo.owner)),
        },
        prefix = escape(&config.service_prefix),
    );
    let home = format!("{}{}home", config.hub_host, config.hub_prefix);
    let logout = format!("{}logout", config.service_prefix);
    Page {
        title: &format!("Server of {}", demo.owner),
        prefix: &config.service_prefix,
        brand: "Demo server",
        links: &[("Home", &home), ("Log out", &logout)],
        script: Some("demo.js"),
        body,
    }
    .into_response()
}
