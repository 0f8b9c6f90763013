//! Where `tests/run` put the real peers: JupyterHub, JupyterLab, the Python culler, configurable-http-proxy, Chromium.

use std::path::{Path, PathBuf};

/// JupyterHub's version, as `tests/run` fetches it.
pub const JUPYTERHUB: &str = "6.1.1";

/// Folder of this workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the workspace")
}

/// `target/peers`.
fn peers() -> PathBuf {
    workspace().join("target/peers")
}

/// Gives `path` back when it is there.
///
/// # Panics
/// When it is not: the message names the command that fetches it.
fn required(path: PathBuf) -> PathBuf {
    assert!(
        path.exists(),
        "{} is missing: run `tests/run --peers-only` first",
        path.display()
    );
    path
}

/// Folder of the Python programs: `python`, `jupyterhub`, `jupyterhub-singleuser`, `jupyterhub-idle-culler`.
#[must_use]
pub fn python_bin() -> PathBuf {
    required(peers().join("venv/bin"))
}

/// A Python program, for example `jupyterhub-singleuser`.
#[must_use]
pub fn python(program: &str) -> PathBuf {
    required(python_bin().join(program))
}

/// A program that reads OpenAPI documents: `schemathesis`, `openapi-spec-validator`.
#[must_use]
pub fn openapi(program: &str) -> PathBuf {
    required(peers().join("openapi/bin").join(program))
}

/// The module of the OpenID provider.
#[must_use]
pub fn openid_provider() -> PathBuf {
    required(peers().join("openid/node_modules/oidc-provider/lib/index.js"))
}

/// Upstream's unpacked source archive, with its examples and `docs/source/_static/rest-api.yml`.
#[must_use]
pub fn sdist() -> PathBuf {
    required(peers().join(format!("jupyterhub-{JUPYTERHUB}")))
}

/// axe-core as one script for the browser.
#[must_use]
pub fn axe() -> PathBuf {
    required(peers().join("axe/node_modules/axe-core/axe.min.js"))
}

/// Folder of `configurable-http-proxy`.
#[must_use]
pub fn node_bin() -> PathBuf {
    required(peers().join("node/node_modules/.bin"))
}

/// The unpacked source of `http_desync_guardian`, whose tests are graded requests.
#[must_use]
pub fn desync_guardian() -> PathBuf {
    required(peers().join("desync/vendor/http_desync_guardian"))
}

/// nginx, which serves sites behind the hub's login.
#[must_use]
pub fn nginx() -> PathBuf {
    required(PathBuf::from("/usr/sbin/nginx"))
}

/// Caddy, which serves applications behind the hub's login.
#[must_use]
pub fn caddy() -> PathBuf {
    required(PathBuf::from("/usr/bin/caddy"))
}

/// Prometheus' critic of metrics.
#[must_use]
pub fn promtool() -> PathBuf {
    required(peers().join("prometheus/usr/bin/promtool"))
}

/// Chromium's driver, which starts the browser.
#[must_use]
pub fn chromedriver() -> PathBuf {
    required(PathBuf::from("/usr/bin/chromedriver"))
}
