//! Asking gently. The only crate that transmits on a monitored network.
//!
//! [`plan`](mod@plan) says what would be asked, octet by octet. The [`Governor`] gives a [`Permit`] for one question, or says why not;
//! [`ask::put`] spends it. [`Session`] does this for many hosts side by side, until nothing is left to ask or somebody says stop.
//! Answers are not read here: whoever scans listens to its own conversations, and reads them as it reads everybody's.

pub mod ask;
mod fill;
mod governor;
mod groups;
mod handshake;
mod interface;
mod link;
mod observe;
pub mod plan;
mod rules;
mod session;
mod stop;
mod watch;

pub use fill::{LONGEST_SETTING, Settings, octets_of};
pub use governor::{
    Governor, Known, Marked, Now, Outcome, Permit, Question, Receipt, Refusal, Spent, To, Unsealed,
};
pub use interface::{Interface, InterfaceError};
pub use observe::{LEARN, Observer};
pub use rules::{Excluded, Exclusions, Mode, NEVER, Port, Rules, Window};
pub use session::{Desk, Done, Event, Session};
pub use stop::Stop;
pub use watch::{Cycle, Disturbed, End, Frame, Shot, Watch, What};
