//! The proxy's routes, through the hub.

pub(super) mod check;
pub(super) mod list;
pub(super) mod relocate;
