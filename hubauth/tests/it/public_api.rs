//! The types of other crates in the public API: a list in the repository, so that none gets in by accident. Whoever depends
//! on this crate must follow when one of them changes its major version.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::process::Command;

use hub_types::env::{EnvSource as _, ProcessEnv};
use serde_json::{Map, Value};

const LIST: &str = "tests/it/public_api/foreign_types.txt";

/// What rustdoc knows of the crate with all features, as JSON.
fn documented() -> Value {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rustdoc = here.join("tests/it/public_api/rustdoc");
    let mut cargo = Command::new(env!("CARGO"));
    // Not the variables with which cargo runs tests: build scripts watch them, and would run again and again.
    cargo.env_clear();
    for name in [
        "PATH",
        "HOME",
        "CARGO_HOME",
        "RUSTUP_HOME",
        "RUSTUP_TOOLCHAIN",
        "CARGO_TARGET_DIR",
    ] {
        cargo.envs(ProcessEnv.get(name).map(|value| (name, value)));
    }
    let status = cargo
        .current_dir(here)
        .args(["rustdoc", "--quiet", "--lib", "--all-features", "--config"])
        .arg(format!("build.rustdoc={:?}", rustdoc.display().to_string()))
        .args(["--", "-Z", "unstable-options", "--output-format", "json"])
        .status()
        .unwrap();
    assert!(status.success(), "rustdoc failed");
    // The test is target/debug/deps/it-…
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap();
    let text = std::fs::read_to_string(target.join("doc/hubauth.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// All ids that a part of a signature names: `{"path": …, "id": …, "args": …}`.
fn named<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(object) => {
            if object.contains_key("path") && object.contains_key("args") {
                found.extend(object.get("id"));
            }
            object.values().for_each(|value| named(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| named(value, found)),
        _ => {}
    }
}

/// Whether an item is written down by us: not one that the compiler or another crate gives to every type.
fn is_written(item: &Value) -> bool {
    let generated = |implementation: &Map<String, Value>| {
        implementation["is_synthetic"] == true || !implementation["blanket_impl"].is_null()
    };
    item["crate_id"] == 0 && !item["inner"]["impl"].as_object().is_some_and(generated)
}

fn foreign_types(doc: &Value) -> BTreeSet<String> {
    let paths: HashMap<String, &Value> = doc["paths"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(id, path)| (id.clone(), path))
        .collect();
    let mut ids = Vec::new();
    for item in doc["index"].as_object().unwrap().values() {
        if is_written(item) {
            named(&item["inner"], &mut ids);
            ids.extend(item["inner"]["use"].get("id"));
        }
    }
    ids.iter()
        .filter_map(|id| paths.get(&id.to_string()))
        .filter(|path| path["crate_id"] != 0)
        .filter_map(|path| {
            // The modules between are the other crate's own affair.
            let parts = path["path"].as_array()?;
            let text = |part: Option<&Value>| Some(part?.as_str()?.to_owned());
            Some(format!("{}::{}", text(parts.first())?, text(parts.last())?))
        })
        .filter(|path| {
            !["std::", "core::", "alloc::"]
                .iter()
                .any(|own| path.starts_with(own))
        })
        .collect()
}

#[test]
fn types_of_other_crates_are_those_of_the_list() {
    let found = foreign_types(&documented());
    assert!(
        found.contains("http::Parts"),
        "rustdoc's output is read rightly: {found:?}"
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(LIST);
    let listed = std::fs::read_to_string(&path).unwrap_or_default();
    let listed: BTreeSet<String> = listed
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let new: Vec<_> = found.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "{LIST} must be changed on purpose: not in it {new:#?}, only in it {gone:#?}"
    );
}
