//! The REST API: status and message of every endpoint, who may see and do what.

mod away;
mod bounds;
mod bulk;
mod cached;
mod described;
mod dropped;
mod groups;
mod metrics;
mod models;
mod notices;
mod pages;
mod permissions;
mod proxy;
mod roles;
mod servers;
mod services;
mod share_codes;
mod share_codes_accepted;
mod shares;
mod shares_attacked;
mod shares_climbed;
mod shares_seen;
pub(crate) mod sharing;
mod tokens;
mod traces;
mod users;
mod wire;
