//! `GET /hub/api/info`: what this hub is made of.

use axum::Json;
use axum::extract::State;
use hub_types::JUPYTERHUB_VERSION;
use serde_json::{Value, json};

use crate::config::SpawnerClass;
use crate::domain::action::{Hub, ReadHub};
use crate::http::error::ApiError;
use crate::http::extract::Auth;
use crate::state::AppState;

/// The keys are JupyterHub's. There is no Python here: `python` says so, `sys_executable` is the hub's own program.
pub(super) async fn info(
    State(state): State<AppState>,
    Auth(caller): Auth,
) -> Result<Json<Value>, ApiError> {
    caller.require::<ReadHub>(Hub)?;
    let spawner = match &state.config.jupyterhub.spawner_class {
        SpawnerClass::Local => "jupyterhub.spawner.LocalProcessSpawner",
        SpawnerClass::Simple => "jupyterhub.spawner.SimpleLocalProcessSpawner",
        SpawnerClass::Own(name) => name,
    };
    let program = std::env::current_exe()
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    Ok(Json(json!({
        "version": JUPYTERHUB_VERSION,
        "python": concat!("none (Rust hub ", env!("CARGO_PKG_VERSION"), ")"),
        "sys_executable": program,
        "spawner": { "class": spawner, "version": JUPYTERHUB_VERSION },
        "authenticator": { "class": state.authenticator.class(), "version": JUPYTERHUB_VERSION },
    })))
}
