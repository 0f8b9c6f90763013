//! Stops servers that nobody uses, and says why.
//!
//! ```text
//! source ─► facts ─► decide (pure) ─► plan ─► act ─► report
//!   │                                          │
//!   └── GET /users, page by page               └── DELETE, each with the condition "not used since it was read"
//! ```
//!
//! * [`cli`], [`config`], [`settings`]: flags, file and environment, checked into [`settings::Settings`];
//! * [`facts`]: what is known of servers and users, as plain data;
//! * [`source`]: the hub's list of users, turned into facts with the hub's own time;
//! * [`rules`]: who is spared, and who has other limits. Pure;
//! * [`decide`]: facts, policy and time in, verdict with its reason out. All rules are here;
//! * [`plan`], [`act`]: what is to be done for each user, and doing it with bounded concurrency;
//! * [`report`], [`metrics`], [`mod@explain`]: log lines and the summary, numbers, and the whole story of one server;
//! * [`mod@sweep`], [`mod@run`]: one pass, and the program that repeats it.
//!
//! What never happens: a stop on missing, future or unreadable data; two sweeps at a time; one user's failure that
//! stops another's turn; a user deleted while a server of theirs lives.
//!
//! To add a rule, start in [`decide`]; to add a flag, in [`cli`].

pub mod act;
pub mod cli;
pub mod config;
pub mod decide;
pub mod explain;
pub mod facts;
pub mod hub;
pub mod metrics;
pub mod plan;
pub mod report;
pub mod rules;
pub mod run;
pub mod settings;
pub mod source;
pub mod sweep;

pub use run::run;
