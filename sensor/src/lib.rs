//! The sensor: captures and interfaces in, inventory, journal and syslog out. `main.rs` is its command line.

#![allow(
    clippy::must_use_candidate,
    clippy::missing_errors_doc,
    reason = "a library for the program and its tests alone"
)]

pub mod audit;
pub mod bundle;
pub mod capture;
pub mod chunks;
pub mod client;
pub mod config;
pub mod control;
pub mod controls;
mod conversations;
pub mod doctor;
pub mod explain;
pub mod health;
pub mod intel;
pub mod inventory;
pub mod judge;
pub mod knowledge;
pub mod live;
pub mod metrics;
pub mod outlet;
pub mod privileges;
pub mod protocols;
pub mod read;
pub mod report;
pub mod run;
pub mod safe;
pub mod scan;
pub mod screens;
pub mod select;
pub mod shadow;
pub mod store;
pub mod table;
pub mod tui;
pub mod windows;
