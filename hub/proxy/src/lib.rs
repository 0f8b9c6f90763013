//! x
mod activity; mod path; mod table; mod target;
mod guard { pub(crate) mod head; pub(crate) mod body; }
