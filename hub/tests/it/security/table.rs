//! `docs/security.md` names the tests of every case: this keeps it true.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The cases of the table: the hub's, the proxy's, those of services, the culler's, the SDK's, and those of
/// crashes and crowds.
const CASES: [std::ops::RangeInclusive<u32>; 2] = [1..=90, 93..=125];

/// A row: status and names of tests.
type Row = (String, Vec<String>);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn table() -> BTreeMap<u32, Row> {
    let text = std::fs::read_to_string(root().join("docs/security.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", number, _, status, tests, ""] = cells[..] else {
            continue;
        };
        let Ok(number) = number.parse() else {
            continue;
        };
        let names = tests.split('`').skip(1).step_by(2).map(ToOwned::to_owned);
        let old = rows.insert(number, (status.to_owned(), names.collect()));
        assert_eq!(old, None, "case {number} stands there twice");
    }
    rows
}

/// Names of all functions under the folders that hold tests.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let names = text.split("fn ").skip(1);
            found.extend(
                names
                    .filter_map(|rest| rest.split('(').next())
                    .map(ToOwned::to_owned),
            );
        }
    }
}

#[test]
fn every_case_has_its_row_and_every_named_test_exists() {
    let table = table();
    assert_eq!(
        table.keys().copied().collect::<Vec<_>>(),
        CASES.into_iter().flatten().collect::<Vec<_>>()
    );
    let mut known = BTreeSet::new();
    for folder in [
        "hub/src",
        "hub/tests",
        "hub/types/src",
        "hub/proxy/src",
        "hub/proxy/tests",
        "cull-idle/tests",
        "hubauth/src",
        "hubauth/tests",
        "services/src",
        "services/tests",
        "tests/it",
    ] {
        functions(&root().join(folder), &mut known);
    }
    for (case, (status, tests)) in &table {
        assert!(!status.is_empty(), "case {case} has no status");
        let later = status.starts_with("later: ");
        assert_eq!(
            tests.is_empty(),
            later,
            "case {case} is {status:?} and names {tests:?}"
        );
        for test in tests {
            assert!(known.contains(test), "case {case}: there is no test {test}");
        }
    }
}

#[test]
fn every_numbered_test_stands_in_its_row() {
    let table = table();
    let mut known = BTreeSet::new();
    for folder in [
        "cull-idle/tests",
        "hub/tests/it/security",
        "hub/proxy/tests",
        "hubauth/tests",
        "services/tests",
        "tests/it",
    ] {
        functions(&root().join(folder), &mut known);
    }
    let numbered: Vec<&String> = known
        .iter()
        .filter(|name| name.starts_with("case_"))
        .collect();
    assert!(numbered.len() > 60, "{numbered:?}");
    for name in numbered {
        let number: u32 = name["case_".len()..]
            .split('_')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!(
            table[&number].1.contains(name),
            "{name} is missing in row {number}"
        );
    }
}
