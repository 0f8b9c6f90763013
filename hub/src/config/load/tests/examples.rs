//! The examples of JupyterHub's manuals (0.1 to 0.8), of jupyterhub-carina and of others that people began with: each
//! loads, or it is said which lines cannot work and why. What is said of each stands in `examples/said.txt`.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// What is said of an example: `!` before what cannot work, `~` before warnings.
fn said(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(PYTHON_FILE);
    // Pieces of manuals on other things leave the login to its default, and who may log in to other pieces.
    let on_logins = [
        "authenticator_class",
        "LocalAuthenticator",
        "PAMAuthenticator",
    ];
    let login = match on_logins.iter().any(|word| text.contains(word)) {
        true => "",
        false => "c.JupyterHub.authenticator_class = 'dummy'\n",
    };
    std::fs::write(&file, format!("{text}{login}")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    // What they leave to the environment.
    let env = [("GITHUB_CLIENT_ID", "hub"), ("GITHUB_CLIENT_SECRET", "x")];
    let env: Env = env.map(|(name, value)| (name.into(), value.into())).into();
    let (sign, lines) = match load(&Sources::default(), folder.path(), &env) {
        Ok(loaded) => ("~", loaded.warnings),
        Err(error) => ("!", error.problems),
    };
    let mut said = String::new();
    for line in lines {
        let line = line.to_string();
        if !line.contains("\"dummy\" lets anybody in") {
            writeln!(said, "  {sign} {}", pythons_own_words_off(&line)).unwrap();
        }
    }
    said
}

/// Without what each Python says in its own words.
fn pythons_own_words_off(line: &str) -> &str {
    let ends = ["SyntaxError", "fromhex() arg", " (Python is"].map(|word| match word {
        "SyntaxError" => line.find(word).map(|at| at + word.len()),
        _ => line.find(word),
    });
    line[..ends.into_iter().flatten().min().unwrap_or(line.len())].trim_end()
}

#[test]
fn every_example_loads_or_says_which_lines_cannot_work() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/load/tests/examples");
    let mut names: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "py"))
        .collect();
    names.sort();
    let mut whole = String::new();
    for path in names {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let said = said(&std::fs::read_to_string(&path).unwrap());
        write!(whole, "{name}\n{said}").unwrap();
    }
    let expected = std::fs::read_to_string(folder.join("said.txt")).unwrap();
    assert_eq!(whole, expected, "what is said has changed:\n{whole}");
}
