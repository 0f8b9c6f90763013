//! What a setting may look like: reading a [`Node`] into a Rust value, and showing the value again.
//!
//! A kind is a type without values that implements [`Kind`]; rows of the trait table name it. To add one: implement
//! the trait, say in [`Kind::EXPECTS`] what a person should write.

pub mod address;
pub mod class;
pub mod collection;
pub mod login;
pub mod oauth;
pub mod proxy;
pub mod scalar;
pub mod server_options;
pub mod special;
pub mod structured;
pub mod time;
pub mod tornado;

use serde_json::Value as Json;

use super::node::Node;
use super::problem::{Place, Problem};

/// How a setting is written.
pub trait Kind {
    /// What the hub reads.
    type Target;

    /// Ends the sentence "expected …".
    const EXPECTS: &'static str;

    /// Stands in a new file where nothing is set.
    const EXAMPLE: &'static str = "\"\"";

    /// Whether `--show-config` hides it.
    const SECRET: bool = false;

    /// Reads a value; when it is wrong, tells `faults` and gives `None`.
    fn read(node: &Node, faults: &mut Faults<'_>) -> Option<Self::Target>;

    /// Shows a value in the form in which it is written; `None` when nothing is set.
    fn show(value: &Self::Target) -> Option<Json>;
}

/// Where wrong values of one setting are reported.
#[derive(Debug)]
pub struct Faults<'a> {
    /// `[JupyterHub] port`: put before every message.
    subject: String,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Faults<'a> {
    /// Reports about the setting `subject`.
    pub fn new(subject: String, problems: &'a mut Vec<Problem>) -> Self {
        Self { subject, problems }
    }

    /// Reports about what stands under `key` in the setting, which is a table.
    pub fn of_key(&mut self, key: &str) -> Faults<'_> {
        Faults {
            subject: format!("{}.{key}", self.subject),
            problems: self.problems,
        }
    }

    /// Reports that what stands at `place` is wrong.
    pub fn at(&mut self, place: &Place, message: impl std::fmt::Display) {
        self.problems
            .push(Problem::new(place, format!("{} {message}", self.subject)));
    }

    /// Reports that `node` is not what `K` expects.
    pub fn expected<K: Kind, T>(&mut self, node: &Node) -> Option<T> {
        self.at(
            &node.place,
            format_args!("must be {}, not {}", K::EXPECTS, node.describe()),
        );
        None
    }

    /// Turns an error into a report.
    pub fn check<T, E: std::fmt::Display>(
        &mut self,
        node: &Node,
        result: Result<T, E>,
    ) -> Option<T> {
        result
            .map_err(|error| self.at(&node.place, format_args!("is wrong: {error}")))
            .ok()
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Reads a JSON value as the kind `K`, as from a file.
    #[expect(clippy::needless_pass_by_value, reason = "tables read better")]
    pub(crate) fn read<K: Kind>(value: serde_json::Value) -> Result<K::Target, String> {
        let mut problems = Vec::new();
        let node = Node::from_json(&value, &Place::Nowhere);
        let read = K::read(&node, &mut Faults::new("x".into(), &mut problems));
        match read {
            Some(value) if problems.is_empty() => Ok(value),
            _ => Err(problems
                .iter()
                .map(|problem| problem.message.as_str())
                .collect::<Vec<_>>()
                .join("; ")),
        }
    }
}
