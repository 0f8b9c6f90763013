//! Managed and external services that misbehave, and a hub that does not mind: security cases 95, 96 and 102. And services that
//! come and go with the configuration.

mod crash_loops;
mod killed_hub;
mod page;
mod reload;
mod unreachable;
