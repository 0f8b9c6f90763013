//! What people choose for their servers: from a form or a query to options, from options to settings. Everything here is
//! a function of data.
//!
//! * [`form`]: fields to options, as `Spawner.options_from_form` says;
//! * [`query`]: the arguments of `/hub/spawn` to options;
//! * [`profiles`]: the variants of `Spawner.profile_list`: their fields, and what they change;
//! * [`settle`]: groups, profile and options to the settings of one server.

pub mod form;
pub mod profiles;
pub mod query;
pub mod settle;

use serde_json::{Map, Value};

/// What somebody chose, by name.
pub type Options = Map<String, Value>;

/// What somebody chose cannot be: for them, and 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid user options: {0}")]
pub struct InvalidOptions(pub String);
