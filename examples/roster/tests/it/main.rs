//! The authenticator of examples/roster, held to what every authenticator is held to.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::PathBuf;

use hub::auth::contract::{Subject, check};
use hub::auth::dictionary::hash_password;
use hub::auth::{Authenticator as _, LoginForm, Refreshed};
use hub_types::names::Username;
use hub_types::secret::Token;
use roster::{Roster, Settings};

const USERS: [(&str, &str, &str); 2] = [
    ("ada", "engine", "class,staff"),
    ("grace", "nanosecond", ""),
];

/// A file with these users, and the folder that holds it.
fn file(users: &[(&str, &str, &str)]) -> (PathBuf, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let line = |(name, password, groups): &(&str, &str, &str)| {
        let hash = hash_password(&Token::from_config(*password)).unwrap();
        format!("{name}:{hash}:{groups}\n")
    };
    let text: String = users.iter().map(line).collect();
    let path = folder.path().join("roster");
    std::fs::write(&path, text).unwrap();
    (path, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract() {
    let (file, _folder) = file(&USERS);
    let form = |(name, password, _): (&str, &str, &str)| LoginForm::new(name, password);
    let subject = Subject {
        right: USERS.map(form).into(),
        wrong: "not a password",
    };
    let broken = check(&Roster::new(Settings { file }), &subject).await;
    assert!(broken.is_empty(), "{broken:#?}");
}

#[tokio::test]
async fn the_file_is_read_again_when_it_changes() {
    let (file, _folder) = file(&USERS);
    let roster = Roster::new(Settings { file: file.clone() });
    let ada = Username::stored("ada");
    let Refreshed::New(model) = roster.refresh(&ada).await.unwrap() else {
        panic!("ada is there");
    };
    assert_eq!(
        model.groups,
        Some(["class".to_owned(), "staff".to_owned()].into())
    );
    let text = std::fs::read_to_string(&file).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    std::fs::write(&file, rest).unwrap();
    let gone = roster.refresh(&ada).await.unwrap();
    assert!(matches!(gone, Refreshed::Gone(_)), "{gone:?}");

    // Without the file nobody is let in, and nobody turned away.
    std::fs::remove_file(&file).unwrap();
    let form = LoginForm::new("grace", "nanosecond");
    roster.authenticate("grace", &form).await.unwrap_err();
    roster.refresh(&ada).await.unwrap_err();
}
