//! For what cannot be patched: the least policy it needs, the filters that hold it, and whether they do.

mod demand;
mod dry_run;
mod life;
mod propose;
mod render;

pub use demand::{demand_now, demands};
pub use dry_run::{Trial, Verdict, concerns, dry_run};
pub use life::{LEAST_WATCH, Refusal, approve, begin, deploy, export, observe, try_out};
pub use propose::{LEAST_HOURS, MOST_RULES, NoPolicy, Question, propose};
pub use render::{Format, may_break, render};
