//! The analyst's screen: [`State`], [`Event`], [`update`], [`view`].
//!
//! It holds what is shown and nothing else: no socket, no file, no clock. [`update`] is the only place where the state changes, and says
//! in [`Command`]s what the world is asked for; [`view`] draws. Everything that is drawn passes `paint.rs`, which writes out what a
//! terminal would obey. Lists are windows: what is asked for is what is shown, and a little more on either side.

mod act;
mod edit;
mod entry;
mod event;
mod keys;
mod layout;
mod paint;
mod screens;
mod state;
mod text;
mod theme;
mod update;
mod view;

pub use event::{Abilities, Asked, Command, Event, Export, Link, Slot};
pub use keys::{Code, Key, KeyError, Keymap, commands};
pub use state::{Screen, State};
pub use theme::Theme;
pub use update::update;
pub use view::view;
