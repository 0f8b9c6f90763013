//! Share codes: invitations to a server. The code itself is in the answer to its making and nowhere else.

pub(super) mod create;
pub(super) mod delete;
pub(super) mod list;
