//! Names of servers in addresses, made from what people call them.

use hub_types::names::ServerName;

/// The longest name. Source: JupyterHub 6.0.
const LONGEST: usize = 30;

/// How often a name that is taken is tried with a number behind it.
const TRIES: u32 = 99;

/// A name for a new server that people call `display_name`, and that `taken` does not know: `GPU (large)` becomes
/// `gpu-large`, or `gpu-large-2` when there is one. `None` when it has no letter that can stand in an address, or when all
/// numbers are taken.
///
/// `new-server.js` shows the same beforehand.
#[must_use]
pub fn free_name(display_name: &str, taken: impl Fn(&str) -> bool) -> Option<ServerName> {
    let base = slug(display_name, LONGEST)?;
    let numbered = |number: u32| {
        let end = format!("-{number}");
        let start = slug(display_name, LONGEST - end.len())?;
        Some(format!("{start}{end}"))
    };
    std::iter::once(Some(base))
        .chain((2..=TRIES).map(numbered))
        .flatten()
        .find(|name| !taken(name))
        .and_then(|name| ServerName::new(&name).ok())
}

/// Small letters and digits of `text`, at most `longest` characters, a dash for everything between them; a letter first.
fn slug(text: &str, longest: usize) -> Option<String> {
    let mut slug = String::new();
    for character in text.chars() {
        let character = character.to_ascii_lowercase();
        if character.is_ascii_lowercase() || (character.is_ascii_digit() && !slug.is_empty()) {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(longest);
    let slug = slug.trim_end_matches('-');
    (!slug.is_empty()).then(|| slug.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_from_what_people_write() {
        for (written, expected) in [
            ("GPU (large)", Some("gpu-large")),
            ("  thesis  2026 ", Some("thesis-2026")),
            ("2nd server", Some("nd-server")),
            ("a--b__c", Some("a-b-c")),
            ("Größe", Some("gr-e")),
            ("../../etc", Some("etc")),
            ("<b>x</b>", Some("b-x-b")),
            ("日本語", None),
            ("42", None),
            ("", None),
        ] {
            let name = free_name(written, |_| false);
            assert_eq!(
                name.as_ref().map(ServerName::as_str),
                expected,
                "{written:?}"
            );
        }
    }

    #[test]
    fn what_is_taken_gets_a_number() {
        let taken = |known: &'static [&'static str]| move |name: &str| known.contains(&name);
        let name = |written, known| free_name(written, taken(known)).unwrap().to_string();
        assert_eq!(name("lab", &["lab"]), "lab-2");
        assert_eq!(name("lab", &["lab", "lab-2"]), "lab-3");
        let long = "a".repeat(40);
        assert_eq!(name(&long, &[]), "a".repeat(30));
        let cut = free_name(&long, |name| !name.contains('-')).unwrap();
        assert_eq!(cut.as_str(), format!("{}-2", "a".repeat(28)));
        assert_eq!(free_name("lab", |_| true), None);
    }

    proptest! {
        #[test]
        fn whatever_is_written_the_name_is_good(written in "\\PC{0,60}") {
            for number in [false, true] {
                if let Some(name) = free_name(&written, |name| number && !name.ends_with("-2")) {
                    prop_assert!(ServerName::new(name.as_str()).is_ok());
                    prop_assert!(!name.is_default());
                }
            }
        }
    }
}
