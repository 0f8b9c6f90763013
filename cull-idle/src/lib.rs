//! Stops servers that nobody uses, and says why.
//!
//! ```text
//! source ─► facts ─► decide (pure) ─► plan ─► act ─► report
//!   │                                          │
//!   └── GET /users, page by page               └── DELETE, each with the condition "not used since it was read"
//! ```
//!
//! * [`cli`]: flags and environment, checked into [`cli::Settings`];
//! * [`facts`]: what is known of servers and users, as plain data;
//! * [`source`]: the hub's list of users, turned into facts with the hub's own time;
//! * [`decide`]: facts, policy and time in, verdict with its reason out. All rules are here;
//! * [`plan`], [`act`]: what is to be done for each user, and doing it with bounded concurrency;
//! * [`report`]: log lines and the summary;
//! * [`mod@sweep`], [`mod@run`]: one pass, and the program that repeats it.
//!
//! What never happens: a stop on missing, future or unreadable data; two sweeps at a time; one user's failure that
//! stops another's turn; a user deleted while a server of theirs lives.
//!
//! To add a rule, start in [`decide`]; to add a flag, in [`cli`].

pub mod act;
pub mod cli;
pub mod decide;
pub mod facts;
pub mod hub;
pub mod plan;
pub mod report;
pub mod run;
pub mod source;
pub mod sweep;

pub use run::run;
