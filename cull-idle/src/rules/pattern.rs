//! Patterns of names: `*` for any text, `?` for one character, everything else for itself.

/// Names and patterns of names, of which one must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patterns(Vec<String>);

impl Patterns {
    /// These patterns.
    #[must_use]
    pub fn new(patterns: Vec<String>) -> Self {
        Self(patterns)
    }

    /// Whether one of them matches all of `name`, in the same case.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| matches(pattern, name))
    }
}

/// Whether `pattern` matches all of `name`. Takes at most the product of both lengths: on a mismatch only the last `*` gives
/// way.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut seen) = (0, 0);
    // Where the last star stands, and up to where it reaches.
    let mut star: Option<(usize, usize)> = None;
    while seen < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(&c) if c == '?' || c == name[seen] => {
                at += 1;
                seen += 1;
            }
            _ => match star {
                None => return false,
                Some((place, reach)) => {
                    star = Some((place, reach + 1));
                    at = place + 1;
                    seen = reach + 1;
                }
            },
        }
    }
    pattern[at..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, name, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("alice", "alice", true),
            ("alice", "Alice", false),
            ("alice", "alice2", false),
            ("a*", "alice", true),
            ("*e", "alice", true),
            ("a*c*", "alice", true),
            ("a*b*", "alice", false),
            ("?lice", "alice", true),
            ("?lice", "lice", false),
            ("*a*b", "aab", true),
            ("gpu-?", "gpu-é", true),
            ("[a]", "a", false),
            ("a.c", "abc", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern:?} {name:?}");
        }
    }

    proptest! {
        /// The same as the obvious definition.
        #[test]
        fn as_defined(pattern in "[ab*?]{0,8}", name in "[ab]{0,8}") {
            fn obvious(pattern: &[u8], name: &[u8]) -> bool {
                match (pattern.first(), name.first()) {
                    (None, None) => true,
                    (Some(b'*'), _) if obvious(&pattern[1..], name) => true,
                    (Some(b'*'), Some(_)) => obvious(pattern, &name[1..]),
                    (Some(p), Some(n)) if *p == b'?' || p == n => obvious(&pattern[1..], &name[1..]),
                    _ => false,
                }
            }
            prop_assert_eq!(matches(&pattern, &name), obvious(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
