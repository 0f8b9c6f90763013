#![doc = include_str!("../README.md")]

#[cfg(feature = "supervisor")]
pub mod contract;
#[cfg(feature = "kit")]
pub mod demo;
#[cfg(feature = "forward-auth")]
pub mod forward_auth;
#[cfg(feature = "kit")]
pub mod kit;
#[cfg(feature = "kit")]
mod look;
#[cfg(feature = "supervisor")]
pub mod process;
#[cfg(feature = "supervisor")]
pub mod spec;
#[cfg(feature = "supervisor")]
pub mod supervisor;
#[cfg(feature = "kit")]
pub mod whoami;
