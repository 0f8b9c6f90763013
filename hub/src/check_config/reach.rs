//! Whether other users of this machine can run a program: one below `/root`, or whose Python is there, starts for root alone.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// How many interpreters of interpreters are looked at. Linux itself follows four.
const DEPTH: usize = 4;
/// Longest first line of a script. Linux reads 256 bytes.
const FIRST_LINE: u64 = 256;

/// What is closed to those who neither own it nor are in its group; `None` when they can run the program, as far as modes
/// tell.
pub(super) fn closed(program: &Path) -> Option<String> {
    let mut file = program.to_owned();
    for _ in 0..DEPTH {
        if let Some(closed) = closed_on_the_way(&file) {
            let of = if file == program {
                String::new()
            } else {
                format!(", where its interpreter {} is", file.display())
            };
            return Some(format!("{}{of}", closed.display()));
        }
        file = interpreter(&file)?;
    }
    None
}

/// The first folder that others may not enter, or the file itself: by its name, and where links lead.
fn closed_on_the_way(file: &Path) -> Option<PathBuf> {
    let end = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    [file, &end].into_iter().find_map(|path| {
        let mut steps: Vec<&Path> = path.ancestors().collect();
        steps.reverse();
        let closed = steps.into_iter().find(|step| {
            // Who runs this may be root, who sees everything; what is not there is somebody else's complaint.
            std::fs::metadata(step).is_ok_and(|found| found.permissions().mode() & 0o001 == 0)
        });
        closed.map(Path::to_owned)
    })
}

/// The program that a script names in its first line.
fn interpreter(file: &Path) -> Option<PathBuf> {
    let mut line = String::new();
    let opened = File::open(file).ok()?.take(FIRST_LINE);
    // A binary is no text, and has none.
    BufReader::new(opened).read_line(&mut line).ok()?;
    let words = line.strip_prefix("#!")?;
    words.split_whitespace().next().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn set(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn programs_and_their_interpreters_are_open_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        set(dir.path(), 0o755);
        for folder in ["open", "root"] {
            std::fs::create_dir(at(folder)).unwrap();
            set(&at(folder), 0o755);
        }
        let make = |name: &str, text: &str| {
            std::fs::write(at(name), text).unwrap();
            set(&at(name), 0o755);
        };
        make("root/python3", "\u{7f}ELF");
        symlink(at("root/python3"), at("open/python3")).unwrap();
        let script = format!("#!{}\nprint()\n", at("open/python3").display());
        make("open/server", &script);
        make("open/plain", "#!/bin/sh\n");
        assert_eq!(closed(&at("open/server")), None);
        assert_eq!(closed(&at("open/plain")), None);

        set(&at("root"), 0o700);
        let python = at("open/python3");
        let said = closed(&at("open/server")).unwrap();
        assert_eq!(
            said,
            format!(
                "{}, where its interpreter {} is",
                at("root").display(),
                python.display()
            )
        );
        assert_eq!(closed(&at("open/plain")), None);
        set(&at("open/plain"), 0o750);
        let said = closed(&at("open/plain")).unwrap();
        assert_eq!(said, at("open/plain").display().to_string());
    }
}
