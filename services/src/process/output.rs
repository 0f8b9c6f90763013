//! Where the output of children goes: files that are private from the start, survive the hub, and stay small.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt};
use std::path::Path;

use nix::unistd::geteuid;

use super::failure::LaunchError;

/// How much of the end of a file [`tail`] looks at, in bytes.
const TAIL_BYTES: u64 = 64 << 10;

/// Opens the output file of a child for appending; creates it with mode 0600, takes away what others may do with an old
/// one. Links and files of other owners are refused: somebody else put them there.
///
/// # Errors
/// [`LaunchError::Output`].
pub(super) fn open(path: &Path) -> Result<File, LaunchError> {
    let refuse = |why: String| LaunchError::Output {
        path: path.to_owned(),
        why,
    };
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(libc::ELOOP) => refuse("it is a symbolic link; remove it".to_owned()),
            _ => refuse(format!(
                "{error}; its folder must exist and be writable for the hub"
            )),
        })?;
    let meta = file.metadata().map_err(|e| refuse(e.to_string()))?;
    if !meta.is_file() || meta.nlink() != 1 {
        return Err(refuse(
            "it is not a plain file of its own; remove it".to_owned(),
        ));
    }
    if meta.uid() != geteuid().as_raw() {
        return Err(refuse(format!(
            "it belongs to user id {}; remove it",
            meta.uid()
        )));
    }
    if meta.permissions().mode() & 0o777 != 0o600 {
        file.set_permissions(PermissionsExt::from_mode(0o600))
            .map_err(|e| refuse(e.to_string()))?;
    }
    Ok(file)
}

/// The last lines of a file, oldest first; only its last 64 KiB are looked at. Bytes that are no UTF-8 are
/// replaced.
///
/// # Errors
/// When the file cannot be read.
pub fn tail(path: &Path, lines: usize) -> io::Result<Vec<String>> {
    let (bytes, whole) = last_bytes(path, TAIL_BYTES)?;
    let text = String::from_utf8_lossy(&bytes);
    // Progress bars end their lines with a carriage return.
    let mut last: VecDeque<&str> = text
        .split(['\n', '\r'])
        .filter(|line| !line.is_empty())
        .collect();
    if !whole && last.len() > 1 {
        last.pop_front();
    }
    let surplus = last.len().saturating_sub(lines);
    last.drain(..surplus);
    Ok(last.into_iter().map(str::to_owned).collect())
}

/// Shortens a file to (the last lines of) half of `max_bytes` when it is longer than `max_bytes`. Returns whether it was.
///
/// The child keeps writing: it appends, so it goes on at the new end. What it writes in the instant between reading and
/// cutting is lost.
///
/// # Errors
/// When the file cannot be read or written.
pub fn trim(path: &Path, max_bytes: u64) -> io::Result<bool> {
    if std::fs::metadata(path)?.len() <= max_bytes {
        return Ok(false);
    }
    let (bytes, _) = last_bytes(path, max_bytes / 2)?;
    let start = bytes
        .iter()
        .position(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    let mut file = OpenOptions::new()
        .append(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)?;
    file.set_len(0)?;
    file.write_all(&bytes[start..])?;
    Ok(true)
}

/// The last `count` bytes, and whether that is the whole file.
fn last_bytes(path: &Path, count: u64) -> io::Result<(Vec<u8>, bool)> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let skipped = length.saturating_sub(count);
    file.seek(SeekFrom::Start(skipped))?;
    let mut bytes = Vec::new();
    file.take(count).read_to_end(&mut bytes)?;
    Ok((bytes, skipped == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn created_private_and_made_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mode = || std::fs::metadata(&path).unwrap().mode() & 0o777;
        drop(open(&path).unwrap());
        assert_eq!(mode(), 0o600);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        drop(open(&path).unwrap());
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn links_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        std::fs::write(&target, "").unwrap();
        let soft = dir.path().join("soft");
        std::os::unix::fs::symlink(&target, &soft).unwrap();
        let hard = dir.path().join("hard");
        std::fs::hard_link(&target, &hard).unwrap();
        let missing = dir.path().join("no/such/folder");
        for path in [soft, hard, missing, dir.path().to_owned()] {
            assert!(
                matches!(open(&path), Err(LaunchError::Output { .. })),
                "{path:?}"
            );
        }
    }

    #[test]
    fn tail_and_trim() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut child = open(&path).unwrap();
        for line in 0..1000 {
            writeln!(child, "line {line}").unwrap();
        }
        assert_eq!(tail(&path, 2).unwrap(), ["line 998", "line 999"]);
        assert!(!trim(&path, 1 << 20).unwrap());
        assert!(trim(&path, 1000).unwrap());
        writeln!(child, "after").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.len() <= 510 && text.starts_with("line 9"), "{text}");
        assert!(text.ends_with("line 999\nafter\n"));
        assert!(tail(&dir.path().join("none"), 1).is_err());
    }

    #[test]
    fn tail_of_a_long_file_starts_at_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, format!("{}\nend\n", "x".repeat(70 << 10))).unwrap();
        assert_eq!(tail(&path, 10).unwrap(), ["end"]);
        // One endless line: its end is better than nothing.
        std::fs::write(&path, "x".repeat(70 << 10)).unwrap();
        assert_eq!(tail(&path, 10).unwrap().len(), 1);
        std::fs::write(&path, format!("{}\r98 %\r99 %", "x".repeat(70 << 10))).unwrap();
        assert_eq!(tail(&path, 10).unwrap(), ["98 %", "99 %"]);
    }
}
