//! The hub as a library: its floors, its handlers in this process, its servers and proxy as real processes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admin_pages;
mod api;
mod blocked;
mod browser_pages;
mod configured_pages;
mod harness;
mod home_pages;
mod layers;
mod manage_pages;
mod manager;
mod oauth;
mod page_weight;
mod proxy_client;
mod scene;
mod security;
mod shared_password;
mod single_sign_on;
mod spawn_page;
mod subdomains;
mod system_logins;
mod system_servers;
mod two_hubs;
mod typed_password;
mod waiting;
mod watch;
