#![doc = include_str!("../README.md")]

#[cfg(feature = "supervisor")]
pub mod contract;
#[cfg(feature = "supervisor")]
pub mod process;
#[cfg(feature = "supervisor")]
pub mod spec;
#[cfg(feature = "supervisor")]
pub mod supervisor;
