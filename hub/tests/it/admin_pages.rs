//! The admin pages in process: what they show to whom, and what their forms do.

mod errands;
mod groups;
mod list;
mod scoped;
mod users;
mod whole_hub;

use chrono::{DateTime, Utc};
use hub::config::RoleSpec;
use hub::db::{servers, users as stored};
use hub::domain::lifecycle::ServerState;
use hub::domain::server::ServerRef;
use hub_types::names::{ServerName, Username};

use crate::harness::{Browser, Hub, Reply};

/// A page.
async fn get(hub: &Hub, browser: &Browser, path: &str) -> Reply {
    hub.request("GET", path).browser(browser).send().await
}

/// A form of a page, with its token.
async fn post(hub: &Hub, browser: &Browser, path: &str, fields: &[(&str, &str)]) -> Reply {
    let mut fields = fields.to_vec();
    fields.push(("_xsrf", &browser.xsrf));
    hub.request("POST", path)
        .browser(browser)
        .form(&fields)
        .send()
        .await
}

/// The fields that a question carries in its form.
fn hidden(asked: &Reply) -> Vec<(String, String)> {
    let form = asked.body.split("id=\"confirm\"").nth(1).unwrap();
    let form = form.split("</form>").next().unwrap_or_default();
    let text = |from: &str, attribute: &str| {
        let value = from.split(&format!("{attribute}=\"")).nth(1).unwrap();
        let value = value.split('"').next().unwrap();
        value.replace("&amp;", "&")
    };
    let fields = form.split("type=\"hidden\"").skip(1);
    fields
        .map(|field| (text(field, "name"), text(field, "value")))
        .filter(|(name, _)| name != "_xsrf")
        .collect()
}

/// Asks for something, and says yes to the question that comes.
async fn confirm(hub: &Hub, browser: &Browser, path: &str, fields: &[(&str, &str)]) -> Reply {
    let asked = post(hub, browser, path, fields).await.expect(200);
    let answer = hidden(&asked);
    let answer: Vec<(&str, &str)> = answer.iter().map(|(a, b)| (&**a, &**b)).collect();
    post(hub, browser, path, &answer).await
}

/// The users of a list, in its order.
fn listed(reply: &Reply) -> Vec<String> {
    let rows = reply.body.split("name=\"user\" value=\"").skip(1);
    rows.map(|row| row.split('"').next().unwrap().to_owned())
        .collect()
}

/// Users beside those of the configuration.
async fn register(hub: &Hub, names: &[&str]) {
    let tx = hub.state.db.write().await.unwrap();
    for name in names {
        stored::insert(
            &tx,
            &Username::stored(*name),
            false,
            DateTime::<Utc>::UNIX_EPOCH,
        )
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
}

async fn exists(hub: &Hub, name: &str) -> bool {
    let found = stored::find(hub.state.db.read(), name).await.unwrap();
    found.is_some()
}

/// What a server does, once nothing is under way.
async fn state(hub: &Hub, user: &str, name: &str) -> ServerState {
    hub.state.manager.idle().await;
    let at = ServerRef::new(Username::stored(user), ServerName::stored(name));
    let server = servers::find(hub.state.db.read(), &at).await.unwrap();
    server.map_or(ServerState::Stopped, |server| server.state)
}

/// A hub on which alice holds these scopes.
async fn with_scopes(scopes: &[&str]) -> Hub {
    Hub::with(|config| {
        config.jupyterhub.load_roles.push(RoleSpec {
            name: "some-admin".into(),
            users: Some(vec!["alice".into()]),
            scopes: Some(scopes.iter().map(|scope| scope.parse().unwrap()).collect()),
            ..RoleSpec::default()
        });
    })
    .await
}

const PAGES: [&str; 8] = [
    "/hub/admin",
    "/hub/admin/add-users",
    "/hub/admin/user?name=bob",
    "/hub/admin/groups",
    "/hub/admin/group?name=lab",
    "/hub/admin/roles",
    "/hub/admin/shutdown",
    "/hub/admin/services",
];

#[tokio::test]
async fn only_who_holds_the_scope_sees_them() {
    let hub = Hub::start().await;
    let (admin, alice) = (hub.log_in("admin").await, hub.log_in("alice").await);
    for path in PAGES {
        get(&hub, &admin, path).await.expect(200);
        get(&hub, &alice, path).await.expect(403);
        let stranger = hub.request("GET", path).send().await.expect(302);
        assert!(stranger.header("location").starts_with("/hub/login?next="));
    }
    // Somebody with the scope, and nothing else: a page without a list is no way to one.
    let hub = with_scopes(&["admin-ui"]).await;
    let alice = hub.log_in("alice").await;
    for path in PAGES {
        let reply = get(&hub, &alice, path).await;
        let hidden = path.contains('?');
        let expected = if hidden { [403, 404] } else { [403, 403] };
        assert!(
            expected.contains(&reply.status.as_u16()),
            "{path} {reply:?}"
        );
        assert!(!reply.body.contains("bob@"), "{path}");
    }
    let home = get(&hub, &alice, "/hub/home").await.expect(200);
    assert!(home.body.contains("href=\"/hub/admin\""), "{}", home.body);
}

/// Every form, sent without its token: from another site it is refused, from an old page of ours shown again. Nothing is
/// done.
#[tokio::test]
async fn forms_without_their_token_do_nothing() {
    let hub = Hub::start().await;
    register(&hub, &["zoe"]).await;
    let admin = hub.log_in("admin").await;
    for (path, fields) in [
        ("/hub/admin", &[("act", "do=start&user=bob&server=")][..]),
        (
            "/hub/admin",
            &[("all", "start"), ("these", "1.1"), ("confirmed", "yes")],
        ),
        (
            "/hub/admin",
            &[("action", "delete"), ("user", "zoe"), ("confirmed", "yes")],
        ),
        ("/hub/admin/add-users", &[("names", "wash")]),
        (
            "/hub/admin/user?name=zoe",
            &[("do", "save"), ("name", "zoey")],
        ),
        ("/hub/admin/groups", &[("name", "crew")]),
        (
            "/hub/admin/group?name=lab",
            &[("do", "remove"), ("user", "bob")],
        ),
        (
            "/hub/admin/shutdown",
            &[("servers", "stop"), ("proxy", "stop")],
        ),
    ] {
        for site in ["same-origin", "cross-site"] {
            let call = hub.request("POST", path).browser(&admin).form(fields);
            let call = call.header("sec-fetch-site", site);
            let reply = call.send().await.expect(403);
            let again = reply.body.contains("open for too long");
            assert_eq!(
                again,
                site == "same-origin",
                "{path} {site}: {}",
                reply.body
            );
        }
    }
    assert!(exists(&hub, "zoe").await && !exists(&hub, "wash").await);
    assert!(hub.spawner.starts().is_empty() && !hub.state.shutdown.is_cancelled());
    let lab = get(&hub, &admin, "/hub/admin/group?name=lab").await;
    assert!(lab.body.contains("Remove bob"), "{}", lab.body);
}

/// Names that are markup stay text on every page that shows them.
#[tokio::test]
async fn hostile_names_are_text() {
    const NAME: &str = "<img src=x onerror=alert(1)>\"'&";
    let hub = Hub::start().await;
    register(&hub, &[NAME]).await;
    let tx = hub.state.db.write().await.unwrap();
    let group = hub::db::groups::ensure_exists(&tx, NAME).await.unwrap();
    let user = stored::find(&*tx, NAME).await.unwrap().unwrap();
    hub::db::groups::add_member(&tx, group, user.id)
        .await
        .unwrap();
    tx.commit_and_tell(&hub.state.bus, [hub::bus::Event::Identities])
        .await
        .unwrap();
    let admin = hub.log_in("admin").await;
    let named: String = url::form_urlencoded::byte_serialize(NAME.as_bytes()).collect();
    let mut shown = Vec::new();
    for path in [
        "/hub/admin".to_owned(),
        format!("/hub/admin?name_filter={named}"),
        format!("/hub/admin?group={named}"),
        format!("/hub/admin/user?name={named}"),
        "/hub/admin/groups".to_owned(),
        format!("/hub/admin/group?name={named}"),
    ] {
        shown.push(get(&hub, &admin, &path).await.expect(200));
    }
    for (path, fields) in [
        ("/hub/admin", &[("action", "delete"), ("user", NAME)][..]),
        (
            "/hub/admin",
            &[
                ("action", "add_to_group"),
                ("user", "bob"),
                ("group", "<b>"),
            ],
        ),
        ("/hub/admin/add-users", &[("names", NAME)]),
        ("/hub/admin/groups", &[("name", NAME)]),
    ] {
        shown.push(post(&hub, &admin, path, fields).await);
    }
    for reply in shown {
        assert!(!reply.body.contains("<img src=x"), "{}", reply.body);
        assert!(reply.body.contains("&lt;"), "{}", reply.body);
    }
}
