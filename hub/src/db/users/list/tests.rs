//! Lists of users, against the same list made by hand. Run with each of the three databases.

use chrono::TimeDelta;
use hub_types::names::{ServerName, Username};

use super::*;
use crate::config::DbUrl;
use crate::db::servers::{NewServer, ServerChange};
use crate::db::users::{admins, auth_state, find, get, has_admin_beside, insert, set_auth_state};
use crate::db::{last_activity, roles, servers, testing};
use crate::domain::server::ServerRef;

/// Users with every mixture of what can be asked for.
const USERS: u32 = 48;

fn now() -> DateTime<Utc> {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

/// A user as the test knows it.
#[derive(Debug, Clone)]
struct Known {
    user: User,
    lab: bool,
    state: Option<ServerState>,
}

async fn registered(db: &Db) -> Vec<Known> {
    let tx = db.write().await.unwrap();
    let lab = groups::ensure_exists(&tx, "lab").await.unwrap();
    let (mut known, mut seen) = (Vec::new(), Vec::new());
    for n in 0..USERS {
        // Neither the order of names nor that of activity is that of registration.
        let name = Username::stored(format!(
            "{}ser_{:02}",
            ['u', 'U'][n as usize % 2],
            n * 29 % USERS
        ));
        let mut user = insert(&tx, &name, n % 5 == 0, now()).await.unwrap();
        if n % 3 != 0 {
            let at = now() - TimeDelta::days(i64::from(n * 7 % 10));
            seen.push((user.id, at));
            user.last_activity = Some(at);
        }
        if n % 4 == 1 {
            groups::add_member(&tx, lab, user.id).await.unwrap();
        }
        let state = match n % 6 {
            2 => Some(ServerState::Ready),
            3 => Some(ServerState::Spawning),
            4 => Some(ServerState::Stopped),
            _ => None,
        };
        if let Some(state) = state {
            let default = ServerName::default_server();
            let id = servers::insert(&tx, user.id, &default, &NewServer::default())
                .await
                .unwrap();
            let change = ServerChange {
                state: Some(state),
                ..ServerChange::default()
            };
            servers::step(&tx, id, 0, &change).await.unwrap().unwrap();
        }
        known.push(Known {
            user,
            lab: n % 4 == 1,
            state,
        });
    }
    last_activity::of_users(&tx, &seen).await.unwrap();
    tx.commit().await.unwrap();
    known
}

/// The same list, made by hand.
fn by_hand(known: &[Known], filter: &UserFilter) -> Vec<String> {
    let active = |state: Option<ServerState>| {
        state.is_some_and(|state| ServerState::ACTIVE.contains(&state))
    };
    let mut found: Vec<&Known> = known
        .iter()
        .filter(|known| match filter.state {
            None => true,
            Some(UserState::Active) => active(known.state),
            Some(UserState::Inactive) => !active(known.state),
            Some(UserState::Ready) => known.state == Some(ServerState::Ready),
        })
        .filter(|known| {
            let name = known.user.name.as_str().to_lowercase();
            let part = filter.name_contains.as_deref().unwrap_or_default();
            name.contains(&part.to_lowercase())
        })
        .filter(|known| {
            filter
                .group
                .as_deref()
                .is_none_or(|group| group == "lab" && known.lab)
        })
        .filter(|known| filter.admin.is_none_or(|admin| admin == known.user.admin))
        .filter(|known| match (filter.seen, known.user.last_activity) {
            (None, _) => true,
            (Some(Seen::Since(at)), seen) => seen.is_some_and(|seen| seen >= at),
            (Some(Seen::NotSince(at)), seen) => seen.is_none_or(|seen| seen < at),
            (Some(Seen::Never), seen) => seen.is_none(),
        })
        .collect();
    found.sort_by_key(|known| {
        let user = &known.user;
        match filter.order {
            UserOrder::Id => (None, String::new(), user.id),
            UserOrder::Name => (None, user.name.as_str().to_owned(), user.id),
            UserOrder::LastActivity => (user.last_activity, String::new(), user.id),
        }
    });
    if filter.descending {
        found.reverse();
    }
    let names = found
        .iter()
        .map(|known| known.user.name.as_str().to_owned());
    names.collect()
}

/// Every filter alone, some together, in every order.
fn filters() -> Vec<UserFilter> {
    let at = now() - TimeDelta::days(5);
    let one = UserFilter::default;
    let mut filters = vec![one()];
    for state in [UserState::Active, UserState::Ready, UserState::Inactive] {
        let state = Some(state);
        filters.push(UserFilter { state, ..one() });
    }
    for seen in [Seen::Since(at), Seen::NotSince(at), Seen::Never] {
        let seen = Some(seen);
        filters.push(UserFilter { seen, ..one() });
        let admin = Some(false);
        filters.push(UserFilter {
            seen,
            admin,
            ..one()
        });
    }
    let endless = "u".repeat(60_000);
    for part in ["SER_1", "_", "%", "u", "none", "\0", &endless] {
        let name_contains = Some(part.to_owned());
        filters.push(UserFilter {
            name_contains,
            ..one()
        });
    }
    for group in ["lab", "none"] {
        let group = Some(group.to_owned());
        let state = Some(UserState::Inactive);
        filters.push(UserFilter {
            group: group.clone(),
            ..one()
        });
        filters.push(UserFilter {
            group,
            state,
            ..one()
        });
    }
    filters.push(UserFilter {
        admin: Some(true),
        ..one()
    });
    let orders = [UserOrder::Id, UserOrder::Name, UserOrder::LastActivity];
    let ordered = filters.into_iter().flat_map(|filter| {
        orders.into_iter().flat_map(move |order| {
            let filter = filter.clone();
            [false, true].map(move |descending| UserFilter {
                order,
                descending,
                ..filter.clone()
            })
        })
    });
    ordered.collect()
}

#[tokio::test]
async fn lists_are_what_one_would_write_by_hand() {
    let db = testing::empty().await;
    let known = registered(&db).await;
    for filter in filters() {
        let expected = by_hand(&known, &filter);
        for (offset, limit) in [(0, 7), (7, 7), (0, 200), (40, 20), (1_000, 5)] {
            let page = page(&db, &filter, offset, limit).await.unwrap();
            let names: Vec<&str> = page.users.iter().map(|user| user.name.as_str()).collect();
            let (offset, limit) = (offset as usize, limit as usize);
            let part: Vec<&str> = expected
                .iter()
                .skip(offset)
                .take(limit)
                .map(String::as_str)
                .collect();
            assert_eq!(names, part, "{filter:?} {offset} {limit}");
            assert_eq!(page.total, expected.len() as u64, "{filter:?}");
        }
    }
}

fn page_of(backend: DbBackend, filter: &UserFilter) -> Select<Entity> {
    let query = ordered(chosen(backend, filter).unwrap(), backend, filter);
    ids_only(query).limit(50).offset(500)
}

/// The steps by which SQLite answers.
async fn plan(db: &Db, query: impl QueryTrait) -> Vec<String> {
    let mut statement = query.build(DbBackend::Sqlite);
    statement.sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
    let rows = db.read().query_all_raw(statement).await.unwrap();
    let steps = rows.iter().map(|row| row.try_get("", "detail").unwrap());
    steps.collect()
}

/// Whatever is filtered, in whatever order: no walk over all rows, which hold what logins left there.
#[tokio::test]
async fn no_list_and_no_count_walks_over_the_rows() {
    let db = Db::open(&DbUrl::Memory).await.unwrap();
    for filter in filters() {
        let count = ids_only(chosen(DbBackend::Sqlite, &filter).unwrap());
        for query in [page_of(DbBackend::Sqlite, &filter), count] {
            for step in plan(&db, query).await {
                let walks = step.starts_with("SCAN users");
                let in_index = step.contains("USING COVERING INDEX");
                assert!(!walks || in_index, "{filter:?}: {step}");
            }
        }
    }
}

/// What is encrypted of logins is read for one user at a time.
#[test]
fn what_is_kept_of_logins_is_in_no_list() {
    for backend in [DbBackend::Sqlite, DbBackend::Postgres, DbBackend::MySql] {
        let whole = Entity::find().build(backend).sql;
        assert!(whole.contains("last_activity"), "{whole}");
        assert!(!whole.contains("auth_state"), "{whole}");
    }
}

/// What makes 100,000 users no slower than 100: pages are read from an index. (Names are searched in an index, too.)
#[tokio::test]
async fn pages_are_read_from_an_index() {
    // The planners of servers go by what the tables hold: what they choose for 100,000 users is in docs/performance.md.
    let db = Db::open(&DbUrl::Memory).await.unwrap();
    let backend = db.read().get_database_backend();
    for (order, index) in [
        (UserOrder::Name, "sqlite_autoindex_users_1"),
        (UserOrder::LastActivity, "users_last_activity"),
    ] {
        for name_contains in [None, Some("x".to_owned())] {
            for descending in [false, true] {
                let name_contains = name_contains.clone();
                let filter = UserFilter {
                    name_contains,
                    order,
                    descending,
                    ..UserFilter::default()
                };
                let plan = plan(&db, page_of(backend, &filter)).await.join("; ");
                assert!(
                    plan.contains(&format!("USING COVERING INDEX {index}")),
                    "{plan}"
                );
                assert!(!plan.contains("TEMP B-TREE"), "{plan}");
            }
        }
    }
}

/// What is kept of logins can be long, and is wanted by few: nothing but what asks for it reads it.
#[tokio::test]
async fn nobody_reads_what_is_kept_of_logins_beside() {
    let db = testing::empty().await;
    let known = registered(&db).await;
    let (first, tx) = (&known[2].user, db.write().await.unwrap());
    set_auth_state(&tx, first.id, Some(vec![7; 1000]))
        .await
        .unwrap();
    // Whoever reads the column from now on fails.
    let renamed = "ALTER TABLE users RENAME COLUMN auth_state TO gone";
    tx.execute_unprepared(renamed).await.unwrap();
    tx.commit().await.unwrap();
    let c = db.read();
    assert!(auth_state(c, first.id).await.is_err());
    let name = first.name.as_str();
    assert_eq!(find(c, name).await.unwrap().as_ref(), Some(first));
    assert_eq!(get(c, first.id).await.unwrap().as_ref(), Some(first));
    assert!(!admins(c).await.unwrap().is_empty());
    assert!(has_admin_beside(c, first.id).await.unwrap());
    let named = UserFilter {
        name_contains: Some("user".to_owned()),
        order: UserOrder::LastActivity,
        ..UserFilter::default()
    };
    for filter in [UserFilter::default(), named] {
        let page = page(&db, &filter, 0, 10).await.unwrap();
        assert_eq!(page.users.len(), 10);
    }
    assert!(
        !groups::snapshot(c)
            .await
            .unwrap()
            .of_user("User_29")
            .is_empty()
    );
    let at = ServerRef::new(first.name.clone(), ServerName::default_server());
    let server = servers::find(c, &at).await.unwrap().unwrap();
    assert_eq!(server.at, at);
    assert_eq!(servers::of_users(c, &[first.id]).await.unwrap().len(), 1);
    roles::holders(c, "nobody").await.unwrap();
}
