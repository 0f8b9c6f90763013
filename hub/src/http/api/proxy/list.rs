//! `GET /proxy`: the routes that the proxy has of this hub, by routespec.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use hub_types::route::{ProxyRoute, RouteModel};
use hub_types::time;
use serde_json::json;

use super::super::page::Asked;
use crate::domain::action::{Hub, ManageProxy};
use crate::domain::principal::Granted;
use crate::http::error::ApiError;
use crate::http::extract::Auth;
use crate::proxy_client::plan::routespec_of;
use crate::state::AppState;

pub(in crate::http::api) async fn list(
    State(state): State<AppState>,
    Auth(caller): Auth,
    asked: Asked,
) -> Result<Response, ApiError> {
    let granted = caller.require::<ManageProxy>(Hub)?;
    let page = asked.page()?;
    let routes = routes(&state, granted).await?;
    let total = routes.len() as u64;
    let skip = usize::try_from(page.offset).unwrap_or(usize::MAX);
    let take = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let items: BTreeMap<_, _> = routes.into_iter().skip(skip).take(take).collect();
    Ok(page.answer(items, total))
}

async fn routes(
    state: &AppState,
    _granted: Granted<ManageProxy>,
) -> Result<BTreeMap<String, RouteModel>, ApiError> {
    let table = state.proxy.routes().await?;
    // Routes without the mark are somebody else's.
    let ours = table
        .into_iter()
        .filter(|(_, route)| route.data.contains_key("jupyterhub"));
    Ok(ours
        .map(|(path, route)| model(&path, route))
        .map(|model| (model.routespec.clone(), model))
        .collect())
}

/// A route as the hub shows it.
fn model(key: &str, route: ProxyRoute) -> RouteModel {
    let mut data = route.data;
    data.remove("jupyterhub");
    if let Some(time) = route.last_activity {
        data.insert("last_activity".to_owned(), json!(time::format(time)));
    }
    RouteModel {
        routespec: routespec_of(key),
        target: route.target,
        data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_recorded() {
        let route = json!({"target": "http://t", "user": "a b", "server_name": "", "jupyterhub": true,
            "last_activity": "2026-11-22T03:30:07.624Z"});
        let model = model("/user/a b", serde_json::from_value(route).unwrap());
        assert_eq!(
            serde_json::to_value(model).unwrap(),
            json!({"routespec": "/user/a%20b/", "target": "http://t", "data":
                {"user": "a b", "server_name": "", "last_activity": "2026-11-22T03:30:07.624000Z"}})
        );
    }
}
