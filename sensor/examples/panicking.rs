//! Takes the terminal over as the screen does, and panics: a test looks whether the terminal is given back.
#![allow(clippy::panic, reason = "that is what it is for")]

fn main() {
    let Ok(_screen) = fossick_sensor::tui::Screen::open() else {
        return;
    };
    panic!("on purpose");
}
