//! `/hub/admin/shutdown`: ends the hub, after saying what ends with it.

use axum::http::StatusCode;
use axum::response::Response;

use super::super::error_page::PageError;
use super::super::form::{Form, RawForm, STALE};
use super::{Admin, tabs};
use crate::db::servers;
use crate::domain::action::{Hub, Shutdown};
use crate::http::api::acts;
use crate::render::pages::Notice;
use crate::render::pages::admin::ShutdownPage;
use crate::state::ShutdownRequest;

/// `GET`.
pub(in crate::http::pages) async fn ask(admin: Admin) -> Result<Response, PageError> {
    admin.principal.require::<Shutdown>(Hub)?;
    let page = filled(&admin).await?;
    admin.page(StatusCode::OK, &page)
}

async fn filled(admin: &Admin) -> Result<ShutdownPage, PageError> {
    let config = &admin.state.config;
    let services = admin.state.managed.all();
    Ok(ShutdownPage {
        chrome: admin.chrome(),
        tabs: tabs(admin),
        running: servers::count_active(admin.state.db.read()).await?,
        managed_services: services
            .iter()
            .filter(|service| service.spec.is_managed())
            .count(),
        stops_servers: config.jupyterhub.cleanup_servers,
        stops_proxy: config.jupyterhub.cleanup_proxy,
        runs_proxy: config.proxy.should_start,
        ..ShutdownPage::default()
    })
}

/// `keep` or `stop`; nothing else is taken for an answer.
fn answer(form: &RawForm, name: &str) -> Option<bool> {
    match form.field(name)? {
        "stop" => Some(true),
        "keep" => Some(false),
        _ => None,
    }
}

/// `POST`: begins when the page has been handed over.
pub(in crate::http::pages) async fn end(
    admin: Admin,
    form: RawForm,
) -> Result<Response, PageError> {
    let granted = admin.principal.require::<Shutdown>(Hub)?;
    let mut page = filled(&admin).await?;
    if form.check(&admin)? == Form::Stale {
        page.notice = Some(Notice::error(STALE));
        return admin.page(StatusCode::FORBIDDEN, &page);
    }
    let proxy = answer(&form, "proxy").or_else(|| (!page.runs_proxy).then_some(false));
    let (Some(servers), Some(proxy)) = (answer(&form, "servers"), proxy) else {
        let text = "Say what shall become of the servers and of the proxy: nothing was done.";
        page.notice = Some(Notice::error(text));
        return admin.page(StatusCode::BAD_REQUEST, &page);
    };
    page.begun = Some(consequences(&page, servers, proxy));
    let request = ShutdownRequest {
        servers: Some(servers),
        proxy: Some(proxy),
    };
    let who = admin.principal.owner.name();
    tracing::info!("{who} shuts the hub down on the admin pages: {request:?}");
    let told = admin.page(StatusCode::ACCEPTED, &page)?;
    Ok(acts::shut_down(&admin.state, &granted, request, told))
}

/// What is happening.
fn consequences(page: &ShutdownPage, servers: bool, proxy: bool) -> Vec<String> {
    let mut told = vec![match (page.running, servers) {
        (0, _) => "No server runs.".to_owned(),
        (1, true) => "1 server is being stopped.".to_owned(),
        (count, true) => format!("{count} servers are being stopped."),
        (1, false) => "1 server goes on running; the next hub takes it over.".to_owned(),
        (count, false) => {
            format!("{count} servers go on running; the next hub takes them over.")
        }
    }];
    if page.managed_services > 0 {
        let count = page.managed_services;
        told.push(format!(
            "Services of the hub that are being stopped: {count}."
        ));
    }
    told.push(match (page.runs_proxy, proxy) {
        (false, _) => "The proxy is not the hub's own and goes on.".to_owned(),
        (true, true) => {
            "The proxy is being stopped: nothing can be reached until the hub starts again."
                .to_owned()
        }
        (true, false) => "The proxy goes on: servers that run can be reached meanwhile.".to_owned(),
    });
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_what_was_asked_for() {
        let page = |running, services, runs_proxy| ShutdownPage {
            running,
            managed_services: services,
            runs_proxy,
            ..ShutdownPage::default()
        };
        for (page, servers, proxy, expected) in [
            (
                page(0, 0, true),
                true,
                true,
                "No server runs.|The proxy is being stopped",
            ),
            (
                page(3, 2, true),
                false,
                false,
                "3 servers go on|stopped: 2|The proxy goes on",
            ),
            (
                page(3, 0, false),
                true,
                false,
                "3 servers are being stopped|not the hub's own",
            ),
        ] {
            let told = consequences(&page, servers, proxy);
            let expected: Vec<&str> = expected.split('|').collect();
            assert_eq!(told.len(), expected.len(), "{told:?}");
            for (told, expected) in told.iter().zip(expected) {
                assert!(told.contains(expected), "{told} {expected}");
            }
        }
    }

    #[test]
    fn only_two_answers_count() {
        let form = RawForm::of(&[("servers", "stop"), ("proxy", "yes")]);
        assert_eq!(answer(&form, "servers"), Some(true));
        assert_eq!(answer(&form, "proxy"), None);
        assert_eq!(answer(&form, "other"), None);
    }
}
