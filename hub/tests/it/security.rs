//! The security cases of `docs/security.md`, one test each, named by number. Each asserts its own outcome, and (through
//! [`Watched`]) what holds for all of them.

mod names;
mod oauth;
mod redirects;
mod sessions;
mod table;
mod tokens;
mod xsrf;

use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

use crate::harness::{Browser, Hub, Reply};

/// The whole content of the database, for "nothing was changed".
async fn database(hub: &Hub) -> String {
    let db = hub.state.db.read();
    let rows = |sql: String| async move {
        let statement = Statement::from_string(DbBackend::Sqlite, sql);
        let rows = db.query_all_raw(statement).await.unwrap();
        rows.iter()
            .map(|row| {
                row.try_get_by_index::<Option<String>>(0)
                    .unwrap()
                    .unwrap_or_default()
            })
            .collect::<Vec<_>>()
    };
    let mut dump = String::new();
    for table in
        rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name".into()).await
    {
        let columns = rows(format!("SELECT name FROM pragma_table_info('{table}')")).await;
        let columns: Vec<String> = columns
            .iter()
            .map(|name| format!("quote(\"{name}\")"))
            .collect();
        let content = rows(format!(
            "SELECT {} FROM \"{table}\"",
            columns.join(" || ',' || ")
        ))
        .await;
        dump.push_str(&format!("{table}\n  {}\n", content.join("\n  ")));
    }
    dump
}

/// How many rows a query counts.
async fn count(hub: &Hub, sql: &str) -> i64 {
    let statement = Statement::from_string(DbBackend::Sqlite, sql);
    let row = hub
        .state
        .db
        .read()
        .query_one_raw(statement)
        .await
        .unwrap()
        .unwrap();
    row.try_get_by_index(0).unwrap()
}

/// Whether these cookies are somebody's login.
async fn is_logged_in(hub: &Hub, cookies: &str) -> bool {
    let reply = hub
        .request("GET", "/hub/home")
        .header("cookie", cookies)
        .send()
        .await;
    match reply.status.as_u16() {
        200 => true,
        302 => {
            assert!(
                reply.header("location").starts_with("/hub/login?next="),
                "{reply:?}"
            );
            false
        }
        status => panic!("{status}: {reply:?}"),
    }
}

/// Logs in through the page, with whatever cookies the browser had before; the answer to the form.
async fn send_login_form(
    hub: &Hub,
    cookies: &str,
    query: &str,
    name: &str,
    password: &str,
) -> Reply {
    let path = format!("/hub/login{query}");
    let page = hub
        .request("GET", &path)
        .header("cookie", cookies)
        .send()
        .await
        .expect(200);
    let xsrf = page.cookie("_xsrf").unwrap_or_else(|| {
        let held = cookies
            .split("; ")
            .find_map(|pair| pair.strip_prefix("_xsrf="));
        held.unwrap_or_default().to_owned()
    });
    let cookies = format!("{cookies}; _xsrf={xsrf}");
    hub.request("POST", &path)
        .header("cookie", &cookies)
        .form(&[("_xsrf", &xsrf), ("username", name), ("password", password)])
        .send()
        .await
}

/// An administrator's token.
async fn admin(hub: &Hub) -> String {
    hub.token("admin", &["inherit"]).await
}

/// A browser that holds nothing but the login of `browser`.
fn login_only(browser: &Browser) -> String {
    format!("jupyterhub-hub-login={}", browser.login)
}
