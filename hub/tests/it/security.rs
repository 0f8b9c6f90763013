//! The security cases of `docs/security.md`, one test each, named by number. Each asserts its own outcome, and (through
//! [`Watched`]) what holds for all of them.

mod creation;
mod logins;
mod names;
mod oauth;
mod redirects;
mod servers;
mod services;
mod sessions;
mod storm;
mod table;
mod tokens;
mod xsrf;

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::harness::{Browser, Hub, Reply};

/// The first column of every row, as text.
async fn texts(db: &impl ConnectionTrait, sql: String) -> Vec<String> {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let rows = db.query_all_raw(statement).await.unwrap();
    rows.iter()
        .map(|row| {
            row.try_get_by_index::<Option<String>>(0)
                .unwrap()
                .unwrap_or_default()
        })
        .collect()
}

/// The whole content of the database, for "nothing was changed".
async fn database(hub: &Hub) -> String {
    let db = hub.state.db.read();
    let tables = match db.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY 1"
        }
        DbBackend::MySql => {
            "SELECT CONVERT(table_name USING utf8mb4) FROM information_schema.tables \
             WHERE table_schema = DATABASE() ORDER BY 1"
        }
        _ => "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
    };
    let mut dump = String::new();
    for table in texts(db, tables.to_owned()).await {
        let rows = texts(db, whole_rows(db, &table).await).await;
        dump.push_str(&format!("{table}\n  {}\n", rows.join("\n  ")));
    }
    dump
}

/// A query for each row of a table as one text.
async fn whole_rows(db: &impl ConnectionTrait, table: &str) -> String {
    match db.get_database_backend() {
        DbBackend::Postgres => {
            format!("SELECT CAST(whole AS text) FROM \"{table}\" AS whole ORDER BY 1")
        }
        DbBackend::MySql => {
            let columns = format!(
                "SELECT CONVERT(column_name USING utf8mb4) FROM information_schema.columns \
                 WHERE table_schema = DATABASE() AND table_name = '{table}' ORDER BY ordinal_position"
            );
            let columns: Vec<String> = texts(db, columns)
                .await
                .iter()
                .map(|name| format!("QUOTE(`{name}`)"))
                .collect();
            format!(
                "SELECT CONVERT(CONCAT_WS(',', {}) USING utf8mb4) FROM `{table}` ORDER BY 1",
                columns.join(", ")
            )
        }
        _ => {
            let columns = format!("SELECT name FROM pragma_table_info('{table}')");
            let columns: Vec<String> = texts(db, columns)
                .await
                .iter()
                .map(|name| format!("quote(\"{name}\")"))
                .collect();
            format!("SELECT {} FROM \"{table}\"", columns.join(" || ',' || "))
        }
    }
}

/// How many rows a query counts.
async fn count(hub: &Hub, sql: &str) -> i64 {
    let db = hub.state.db.read();
    let statement = Statement::from_string(db.get_database_backend(), sql);
    let row = db.query_one_raw(statement).await.unwrap().unwrap();
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
