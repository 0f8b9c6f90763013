#![doc = include_str!("../README.md")]

mod acme;
mod activity;
mod admission;
mod api;
pub mod cli;
pub mod config;
mod connection;
mod descriptors;
mod drain;
mod error_page;
mod forward;
mod guard;
mod journal;
pub mod listener;
mod observe;
mod path;
mod pieces;
mod proxy;
mod redirect;
mod run;
mod select;
mod table;
mod target;
mod tls;

pub use descriptors::raise_descriptors;
pub use observe::process::page as process_metrics;
pub use proxy::{Certificates, Listeners, Proxy};
pub use run::run;
pub use table::BadRoute;
pub use target::BadTarget;
