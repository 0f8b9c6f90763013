use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;

type Routes = BTreeMap<String, Map<String, Value>>;

fn data(n: u16) -> Map<String, Value> {
    Map::from_iter([
        ("target".to_owned(), json!(format!("http://h:{n}"))),
        ("note".to_owned(), json!("line\nend \u{2028} \"é\"")),
    ])
}

/// A change of one of a few routes.
fn change() -> impl Strategy<Value = (String, Option<u16>)> {
    ("/[a-c é\n\"]{0,2}", proptest::option::of(any::<u16>()))
}

/// The file that a journal writes for `changes`, and the routes after each of its lines.
fn write(changes: &[(String, Option<u16>)]) -> (Vec<u8>, Vec<Routes>) {
    let (mut bytes, mut routes) = (Vec::new(), Routes::new());
    let mut states = vec![routes.clone()];
    for (key, value) in changes {
        let data = value.map(data);
        let change = match &data {
            Some(data) => Change::Add { key, data },
            None => Change::Remove { key },
        };
        bytes.extend(change.line());
        match data {
            Some(data) => routes.insert(key.clone(), data),
            None => routes.remove(key),
        };
        states.push(routes.clone());
    }
    (bytes, states)
}

proptest! {
    #[test]
    fn a_torn_file_is_a_prefix_of_the_changes(
        changes in proptest::collection::vec(change(), 0..30),
        cut in any::<prop::sample::Index>(),
    ) {
        let (bytes, states) = write(&changes);
        let cut = cut.index(bytes.len() + 1);
        let whole = bytes[..cut].iter().filter(|byte| **byte == b'\n').count();
        let replay = record::replay(&bytes[..cut]);
        prop_assert_eq!(&replay.routes, &states[whole]);
        prop_assert!(replay.damaged <= 1);
        // What a dying disk appends to the torn line does not come back as a route.
        let mut garbage = bytes[..cut].to_vec();
        garbage.extend([0; 64]);
        prop_assert_eq!(&record::replay(&garbage).routes, &states[whole]);
    }

    #[test]
    fn a_flipped_bit_costs_one_line_at_most(
        changes in proptest::collection::vec(change(), 1..20),
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let (mut bytes, _) = write(&changes);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let replay = record::replay(&bytes);
        // A lost line end takes the next line with it; a new one splits a line in two.
        prop_assert!(replay.read + 2 >= changes.len() && replay.damaged >= 1);
    }

    #[test]
    fn any_bytes_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        prop_assert_eq!(record::replay(&bytes).routes.len(), 0);
    }
}

#[test]
fn it_stays_within_a_multiple_of_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes");
    let (mut journal, _) = Journal::open(&path).unwrap();
    let (kept, data) = (data(1), data(2));
    let mut largest = 0;
    for n in 0..5000 {
        let key = format!("/u/{n}");
        journal.append(&Change::Add {
            key: &key,
            data: &data,
        });
        journal.append(&Change::Remove { key: &key });
        if journal.wants_rewrite(1) {
            journal.rewrite([("/", &kept)].into_iter());
        }
        largest = largest.max(std::fs::metadata(&path).unwrap().len());
    }
    assert!(largest < 200_000, "{largest}");
    drop(journal);
    let (_, replay) = Journal::open(&path).unwrap();
    assert_eq!(replay.routes, Routes::from([("/".to_owned(), kept)]));
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn other_peoples_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("novel");
    std::fs::write(&path, "Call me Ishmael.\n").unwrap();
    let error = Journal::open(&path).unwrap_err().to_string();
    assert!(error.contains("choose another --storage-file"), "{error}");
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "Call me Ishmael.\n"
    );
    let missing = folder.path().join("no/such/folder");
    assert!(format!("{:#}", Journal::open(&missing).unwrap_err()).contains("no/such/folder"));
}

#[test]
fn a_file_has_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("routes");
    let (first, _) = Journal::open(&path).unwrap();
    let second = std::thread::spawn({
        let path = path.clone();
        move || Journal::open(&path).map(|_| ())
    });
    drop(first);
    second.join().unwrap().unwrap();
}

#[test]
fn only_the_beginning_of_a_first_line_is_torn() {
    let data = Map::from_iter([("target".to_owned(), "http://h".into())]);
    let line = Change::Add {
        key: "/user/a",
        data: &data,
    }
    .line();
    for end in 0..line.len() {
        assert!(record::is_torn(&line[..end]), "{end}");
    }
    for foreign in [
        &line[..],
        b"hello",
        b"0123456789abcdef hello",
        b"# no routes\n",
    ] {
        assert!(!record::is_torn(foreign), "{foreign:?}");
    }
}
