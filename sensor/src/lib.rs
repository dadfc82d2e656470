//! The parts of the sensor that tests drive without a network card: everything else is the program's own.

pub mod outlet;
pub mod safe;
