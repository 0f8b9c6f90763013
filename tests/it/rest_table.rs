//! The REST API held against a model and against the real JupyterHub, call by call, in the same run.
//!
//! Two hubs are filled with the same content ([`world`]). [`callers`] (anonymous, users, an administrator of a group,
//! services, one token for each scope) then call all [`operations`] of upstream's API description, each on objects of
//! their own ([`targets`]). The real hub must do what the [`model`] says, or the model is wrong; ours must answer the
//! same, in status and in every field that two hubs can have in common ([`answer`]), or stand in [`deviations`] and in
//! `docs/compat.md` ([`report`]). The other tests do the same with odd requests and with browsers.
#![expect(
    clippy::print_stderr,
    reason = "counts are shown beside the test's result"
)]

mod answer;
mod browsers;
mod callers;
mod deviations;
mod model;
mod oauth;
mod operations;
mod report;
mod scopes;
mod table;
mod targets;
mod variations;
mod world;
