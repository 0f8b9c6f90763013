//! The command line of `hub`.
