//! The real `jupyterhub-singleuser` as other users of this machine can run it.
//!
//! The peers belong to whoever runs the tests, often root, and lie where others may not look: the workspace, and the Python
//! that made their environment. Then both are put in a folder that everybody can read: the same interpreter, the same
//! packages, the same program.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use e2e::peers;
use tempfile::TempDir;

/// Debian's `nobody` and `nogroup`.
const NOBODY: u32 = 65534;

/// Where an interpreter is, and what it is called, one to a line.
const ASKS: &str = "import os, sys; print(sys.base_prefix); print(os.path.realpath(sys.executable)); \
                    print(f'python{sys.version_info[0]}.{sys.version_info[1]}')";

/// A program that everybody can run.
#[derive(Debug)]
pub(super) struct Singleuser {
    pub(super) program: PathBuf,
    /// Where its interpreter's own library is, when that has been moved.
    pub(super) libraries: Option<PathBuf>,
    /// Holds the copies, if there are any.
    _copies: Option<TempDir>,
}

impl Singleuser {
    /// The peers' own, or a copy.
    pub(super) fn find() -> Self {
        let program = peers::python("jupyterhub-singleuser");
        if runs(&program, None) {
            return Self {
                program,
                libraries: None,
                _copies: None,
            };
        }
        let copies = tempfile::Builder::new()
            .prefix("e2e-python-")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()
            .expect("the temporary folder is writable");
        let (python, libraries) = interpreter(copies.path());
        let program = environment(copies.path(), &python);
        let opened = Command::new("chmod")
            .args(["-R", "a+rX"])
            .arg(copies.path())
            .status();
        assert!(opened.expect("chmod").success());
        assert!(
            runs(&program, libraries.as_deref()),
            "other users of this machine can run neither {} nor a copy of it with its interpreter: {}; is {} readable for \
             everybody, and may programs be run there?",
            peers::python("jupyterhub-singleuser").display(),
            program.display(),
            copies.path().display()
        );
        Self {
            program,
            libraries,
            _copies: Some(copies),
        }
    }
}

/// Whether somebody without any rights can run it.
fn runs(program: &Path, libraries: Option<&Path>) -> bool {
    let mut command = Command::new(program);
    let ran = command
        .arg("--version")
        .uid(NOBODY)
        .gid(NOBODY)
        .env_clear()
        .env("HOME", "/nonexistent")
        .envs(libraries.map(|folder| ("LD_LIBRARY_PATH", folder)))
        .current_dir("/")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    ran.is_ok_and(|status| status.success())
}

/// The interpreter of the peers, or a copy of it below `folder`; with the folder of its libraries then, which it knows by
/// the place where it was built.
fn interpreter(folder: &Path) -> (PathBuf, Option<PathBuf>) {
    let asked = Command::new(peers::python("python"))
        .args(["-c", ASKS])
        .output()
        .expect("python runs");
    let answer = String::from_utf8(asked.stdout).expect("paths are text");
    let [prefix, program, name] = answer.lines().collect::<Vec<_>>()[..] else {
        panic!("three lines, not {answer:?}");
    };
    let (prefix, program) = (Path::new(prefix), PathBuf::from(program));
    if runs(&program, None) {
        return (program, None);
    }
    let copy = folder.join("base");
    for part in ["bin", "lib"] {
        fs::create_dir_all(copy.join(part)).expect("our own folder");
    }
    let (python, library) = (copy.join("bin").join(name), Path::new("lib").join(name));
    put(&program, &python);
    put(&prefix.join(&library), &copy.join(&library));
    let libraries = fs::read_dir(prefix.join("lib")).expect("an installation of Python");
    for file in libraries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = file.file_name().unwrap_or_default();
        if name.to_string_lossy().starts_with("libpython") {
            put(&file, &copy.join("lib").join(name));
        }
    }
    (python, Some(copy.join("lib")))
}

/// A copy of the peers' environment below `folder`, for this interpreter. Returns the program.
fn environment(folder: &Path, python: &Path) -> PathBuf {
    let original = peers::python_bin();
    let original = original.parent().expect("an environment");
    let copy = folder.join("venv");
    put(original, &copy);
    let home = python.parent().expect("a folder");
    // What is changed is written anew: the rest may be the very files of the original.
    let anew = |file: &Path, text: &str| {
        fs::remove_file(file).expect("our own file");
        fs::write(file, text).expect("our own folder");
    };
    let settings = copy.join("pyvenv.cfg");
    let text = fs::read_to_string(&settings).expect("an environment");
    let lines = text.lines().map(|line| match line.starts_with("home") {
        true => format!("home = {}\n", home.display()),
        false => format!("{line}\n"),
    });
    anew(&settings, &lines.collect::<String>());
    let linked = copy.join("bin/python");
    fs::remove_file(&linked).expect("an environment");
    symlink(python, &linked).expect("our own folder");
    let program = copy.join("bin/jupyterhub-singleuser");
    let text = fs::read_to_string(&program).expect("a script");
    let (_, script) = text.split_once('\n').expect("a script");
    anew(&program, &format!("#!{}\n{script}", linked.display()));
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("our own file");
    program
}

/// Puts a file or folder at `to`: by links to the same files, which cost nothing, or where that cannot be as a copy.
fn put(from: &Path, to: &Path) {
    let copied = ["-alT", "-aT"].into_iter().any(|how| {
        let mut copy = Command::new("cp");
        let copy = copy.arg(how).args([from, to]).stderr(Stdio::null());
        copy.status().expect("cp").success()
    });
    assert!(copied, "{} cannot be copied", from.display());
}
