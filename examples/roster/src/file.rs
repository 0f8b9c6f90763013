//! The file: one line for each user.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hub_types::names::normalise;
use hub_types::secret::Token;

/// One user.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) hash: Token,
    pub(crate) groups: BTreeSet<String>,
}

/// Everybody in the file, by normalised name.
pub(crate) type Users = BTreeMap<String, Entry>;

/// When a file was written last, and how long it is: by these one that has changed is known.
type Version = (SystemTime, u64);

/// The file, and what stood in it when it was read last.
#[derive(Debug)]
pub(crate) struct UserFile {
    path: PathBuf,
    read: Mutex<Option<(Version, Arc<Users>)>>,
}

impl UserFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            read: Mutex::default(),
        }
    }

    /// What stands in it now. Blocks for as long as a file takes.
    ///
    /// # Errors
    /// When it cannot be read, or a line is none.
    pub(crate) fn users(&self) -> Result<Arc<Users>, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", self.path.display());
        let metadata = std::fs::metadata(&self.path).map_err(failed)?;
        let version = (metadata.modified().map_err(failed)?, metadata.len());
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, users)) = &*read
            && *known == version
        {
            return Ok(Arc::clone(users));
        }
        let text = std::fs::read_to_string(&self.path).map_err(failed)?;
        let users = parse(&text).map_err(|line| {
            let path = self.path.display();
            format!("{path}: line {line} is not name:hash or name:hash:group,group")
        })?;
        let users = Arc::new(users);
        *read = Some((version, Arc::clone(&users)));
        Ok(users)
    }
}

/// Reads the lines; a mistake gives the number of its line.
fn parse(text: &str) -> Result<Users, usize> {
    let lines = text
        .lines()
        .zip(1..)
        .map(|(line, number)| (line.trim(), number));
    lines
        .filter(|(line, _)| !line.is_empty() && !line.starts_with('#'))
        .map(|(line, number)| user(line).ok_or(number))
        .collect()
}

fn user(line: &str) -> Option<(String, Entry)> {
    let mut parts = line.split(':');
    let (name, hash) = (parts.next()?.trim(), parts.next()?.trim());
    let groups = parts.next().unwrap_or_default();
    if name.is_empty() || !hash.starts_with("$argon2") || parts.next().is_some() {
        return None;
    }
    let groups = groups.split(',').map(str::trim);
    let entry = Entry {
        hash: Token::from_config(hash),
        groups: groups
            .filter(|group| !group.is_empty())
            .map(str::to_owned)
            .collect(),
    };
    Some((normalise(name), entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_users_or_mistakes() {
        let users =
            parse("# name:hash:groups\n\nAda:$argon2id$x:class, staff\n grace:$argon2id$y\n");
        let users = users.unwrap();
        assert_eq!(users.keys().collect::<Vec<_>>(), ["ada", "grace"]);
        assert_eq!(
            users["ada"].groups,
            ["class".to_owned(), "staff".to_owned()].into()
        );
        assert!(users["grace"].groups.is_empty());
        for (text, line) in [
            ("ada", 1),
            ("\nada:secret", 2),
            (":$argon2id$x", 1),
            ("a:$argon2id$x:b:c", 1),
        ] {
            assert_eq!(parse(text).map(drop), Err(line), "{text}");
        }
    }
}
