//! `GET /proxy`: the routes that the proxy has of this hub, by routespec.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use hub_types::route::RouteModel;
use hub_types::time;
use serde_json::json;

use super::super::page::Asked;
use crate::domain::action::{Hub, ManageProxy};
use crate::domain::principal::Granted;
use crate::http::error::ApiError;
use crate::http::extract::Auth;
use crate::proxy_client::KnownRoute;
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
    let routes = state.proxy.routes().await?;
    Ok(routes
        .into_iter()
        .map(|(spec, known)| (spec, model(known)))
        .collect())
}

/// A route as the hub shows it.
fn model(known: KnownRoute) -> RouteModel {
    let mut data = known.route.data;
    if let Some(time) = known.last_activity {
        data.insert("last_activity".to_owned(), json!(time::format(time)));
    }
    RouteModel {
        routespec: known.route.routespec,
        target: known.route.target,
        data,
    }
}

#[cfg(test)]
mod tests {
    use crate::proxy_client::Route;

    use super::*;

    #[test]
    fn as_recorded() {
        let data = json!({"user": "a b", "server_name": ""});
        let known = KnownRoute {
            route: Route {
                routespec: "/user/a%20b/".into(),
                target: "http://t".into(),
                data: data.as_object().unwrap().clone(),
            },
            last_activity: Some("2026-11-22T03:30:07.624Z".parse().unwrap()),
        };
        assert_eq!(
            serde_json::to_value(model(known)).unwrap(),
            json!({"routespec": "/user/a%20b/", "target": "http://t", "data":
                {"user": "a b", "server_name": "", "last_activity": "2026-11-22T03:30:07.624000Z"}})
        );
    }
}
