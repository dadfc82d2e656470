//! What Fossick knows: assets, facts, evidence, changes, and the output contract.

mod asset;
mod audit;
mod change;
mod control;
mod conversation;
mod decision;
mod difference;
mod filter;
mod finding;
mod kind;
mod policy;
mod safe;
mod status;
mod time;
mod window;

pub use asset::{
    Addresses, Asset, Attribute, Evidence, Fact, Frames, Observation, Service, Transport, Word,
};
pub use audit::{Audit, Fault, Head};
pub use change::{Change, Event, Person, Reason};
pub use control::{Disturbance, Hello, Order, Reply, Request, VERSION};
pub use conversation::{Answered, Asked, Baseline, Cast, Conversation, Direction, End, Span};
pub use decision::{
    Acceptance, DECLARED, DISTURBED, Decision, Exception, LONGEST_DAYS, LONGEST_REASON, Life,
    Matter, Term,
};
pub use difference::difference;
pub use filter::{About, FIELDS, Field, Filter, FilterError};
pub use finding::{Finding, FindingSource, FindingStated, Seen, Shown, Verdict};
pub use kind::{Category, Kind};
pub use policy::{
    Addition, Control, ControlState, Demand, Learnt, LeftOut, Network, Origin, Policy, Rule,
    Staleness, Step, Vulnerable, Way, Why, is_public,
};
pub use safe::{display_safe, push_safe};
pub use status::{Count, Fill, Interface, Outlet, Status, Store};
pub use time::Time;
pub use window::{
    Behind, By, Cell, ComparedRow, ControlRow, FindingRow, Layer, Matrix, Overview, Priorities,
    Proof, Row, Rules, Stopped, Tally, Told, Which,
};
