//! The floors of `hub/src`: each module knows only those below it.
//!
//! ```text
//! domain ◄─ config · bus · addresses · metrics · event_log ◄─ db ◄─ auth · spawner · proxy_client · managed ◄─ render · assets
//!        ◄─ state ◄─ http · tasks ◄─ bootstrap · serve ◄─ programs ◄─ main
//! ```

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each floor with the modules on it, lowest first. A module may use its own floor and those below.
const FLOORS: &[&[&str]] = &[
    &["domain", "failpoint", "unix_sockets"],
    &["config", "bus", "addresses", "metrics", "event_log"],
    &["db"],
    &[
        "auth",
        "spawner",
        "proxy_client",
        "managed",
        "assets",
        "render",
    ],
    &["state", "plugins"],
    &["http", "tasks"],
    &[
        "bootstrap",
        "check_config",
        "token_command",
        "typed_password",
        "lifecycle",
        "telemetry",
        "serve",
        "upgrade_command",
    ],
    &["quickstart", "cli"],
    &["programs"],
];

/// What a module must not name, beside floors above it: crate paths as they stand in the source.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "domain",
        &["tokio::", "sea_orm::", "sqlx::", "reqwest::", "hyper::"],
    ),
    ("db", &["axum::", "reqwest::", "hyper::"]),
    ("http", &["sea_orm::", "sqlx::"]),
    ("spawner", &["axum::", "sea_orm::", "sqlx::"]),
    ("tasks", &["axum::", "sea_orm::", "sqlx::"]),
    ("auth", &["axum::", "sea_orm::", "sqlx::"]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The top-level module that a file belongs to.
fn module(path: &Path, root: &Path) -> String {
    let first = path
        .strip_prefix(root)
        .unwrap()
        .components()
        .next()
        .unwrap();
    Path::new(first.as_os_str())
        .file_stem()
        .unwrap()
        .to_string_lossy()
        .into_owned()
}

/// The code of a file without comments and without its inline tests.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Modules of this crate that a text names: `crate::x`, also inside `use crate::{x, y}`.
fn named(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let word = |text: &str| -> String {
            text.trim_start()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        };
        match rest.strip_prefix('{') {
            Some(list) => {
                let list = list.split('}').next().unwrap_or_default();
                names.extend(list.split(',').map(word));
            }
            None => {
                names.insert(word(rest));
            }
        }
    }
    names
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

#[test]
fn nothing_reaches_up() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in sources(&root) {
        let own = module(&path, &root);
        if matches!(own.as_str(), "lib" | "main") || path.ends_with("tests.rs") {
            continue;
        }
        seen += 1;
        let place = path.strip_prefix(&root).unwrap().display().to_string();
        let Some(mine) = floor(&own) else {
            wrong.push(format!(
                "{place}: module `{own}` is on no floor; give it one in this test"
            ));
            continue;
        };
        let code = code(&path);
        for name in named(&code) {
            if let Some(theirs) = floor(&name).filter(|theirs| *theirs > mine) {
                wrong.push(format!(
                    "{place}: `{own}` (floor {mine}) uses `{name}` (floor {theirs})"
                ));
            }
        }
        for (_, crates) in FORBIDDEN.iter().filter(|(module, _)| *module == own) {
            for found in crates.iter().filter(|name| code.contains(*name)) {
                wrong.push(format!("{place}: `{own}` must not know {found}"));
            }
        }
    }
    assert!(seen > 50, "the sources were not found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whoever commits and then tells leaves a gap in which a dropped request makes caches stay behind the database.
#[test]
fn only_a_commit_tells() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let telling: Vec<_> = sources(&root)
        .into_iter()
        .filter(|path| code(path).contains("bus.tell("))
        .map(|path| path.strip_prefix(&root).unwrap().display().to_string())
        .collect();
    let telling: BTreeSet<_> = telling.iter().map(String::as_str).collect();
    let may = ["db.rs", "db/notices.rs"].into();
    assert_eq!(telling, may, "use Tx::commit_and_tell");
}
