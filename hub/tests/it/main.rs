//! The hub as a library: its floors, its handlers in this process, its servers and proxy as real processes.

mod api;
mod harness;
mod layers;
mod manager;
mod oauth;
mod proxy_client;
mod scene;
