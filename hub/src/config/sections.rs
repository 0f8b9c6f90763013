//! The typed model: one struct per class of JupyterHub, one field per trait, under the trait's own name.
//!
//! To add a trait: a field here (with JupyterHub's default in `Default`), and one row in the trait table.

pub mod authenticator;
pub mod crypt_keeper;
pub mod encoding;
pub mod jupyterhub;
pub mod metrics;
pub mod oauth;
pub mod own;
pub mod proxy;
pub mod server_options;
pub mod spawner;
pub mod tornado_settings;
