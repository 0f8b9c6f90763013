//! All that is to be said of a configuration as one list, in the order in which it is written.

use super::Findings;
use crate::config::load::Loaded;
use crate::config::problem::Place;

/// A line of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    Warning,
    Error,
}

/// What is said of the file itself and what was found outside of it, each with the line that it is about; and how many of
/// them are warnings.
#[must_use]
pub fn report(loaded: &Loaded, findings: &Findings) -> (Vec<String>, usize) {
    let found = [
        (Weight::Warning, &findings.warnings),
        (Weight::Error, &findings.problems),
    ];
    let found = found.into_iter().flat_map(|(weight, lines)| {
        let placed = lines
            .iter()
            .map(|line| (place_of(line, loaded), line.clone()));
        placed.map(move |(place, line)| (weight, place, line))
    });
    let told = loaded.warnings.iter().map(|warning| {
        (
            Weight::Warning,
            warning.place.clone(),
            warning.message.clone(),
        )
    });
    let mut all: Vec<_> = told.chain(found).collect();
    let own = loaded.config.source.as_deref();
    all.sort_by_key(|(_, place, _)| place.order(own));
    let warnings = all.iter().filter(|(weight, ..)| *weight == Weight::Warning);
    let warnings = warnings.count();
    let line = |(weight, place, message): (Weight, Place, String)| {
        let weight = match weight {
            Weight::Warning => "warning",
            Weight::Error => "error",
        };
        match place {
            Place::Nowhere => format!("{weight}: {message}"),
            place => format!("{weight}: {place}: {message}"),
        }
    };
    (all.into_iter().map(line).collect(), warnings)
}

/// Where the setting is written with which a line begins: `[Class] name …`.
fn place_of(line: &str, loaded: &Loaded) -> Place {
    let setting = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "));
    let Some((class, rest)) = setting else {
        return Place::Nowhere;
    };
    let name = rest.split([' ', ':']).next().unwrap_or_default();
    let mut set = loaded.set.iter();
    set.find(|(of, set, _)| of == class && set == name)
        .map_or(Place::Nowhere, |(_, _, place)| place.clone())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::config::load::{OwnClasses, assemble};

    #[test]
    fn one_list_by_lines() {
        let text = "[JupyterHub]\nbind_url = 'http://:8000'\nauthenticator_class = 'dummy'\npid_file = '/nowhere/pid'\n";
        let env: BTreeMap<String, String> = BTreeMap::new();
        let file = Some((Path::new("hub.toml"), text));
        let loaded = assemble(file, &[], Path::new("/srv"), &env, &OwnClasses::default()).unwrap();
        let findings = Findings {
            problems: vec!["[JupyterHub] pid_file /nowhere/pid: its folder".into()],
            warnings: vec![
                "[Spawner] cmd: no server can start".into(),
                "[JupyterHub] bind_url is plain http".into(),
            ],
        };
        let (lines, warnings) = report(&loaded, &findings);
        let starts = [
            "warning: hub.toml:2: [JupyterHub] bind_url is plain http",
            "warning: hub.toml:3: [JupyterHub] authenticator_class",
            "error: hub.toml:4: [JupyterHub] pid_file /nowhere/pid",
            "warning: [Spawner] cmd: no server can start",
        ];
        assert_eq!(lines.len(), starts.len(), "{lines:#?}");
        for (line, start) in lines.iter().zip(starts) {
            assert!(line.starts_with(start), "{lines:#?}");
        }
        assert_eq!(warnings, 3);
    }
}
