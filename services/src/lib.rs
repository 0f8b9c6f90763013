#![doc = include_str!("../README.md")]

#[cfg(feature = "supervisor")]
pub mod process;
