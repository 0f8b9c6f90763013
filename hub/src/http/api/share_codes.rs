//! Share codes: invitations to a server. The code itself is in the answer to its making and nowhere else.

pub(in crate::http) mod create;
pub(in crate::http) mod delete;
pub(super) mod list;
