//! For what cannot be patched: the least policy it needs, the filters that hold it, and whether they do.

mod dry_run;
mod life;
mod propose;
mod render;

pub use dry_run::{Trial, Verdict, dry_run};
pub use life::{Refusal, approve, deploy, observe};
pub use propose::{NoPolicy, Question, propose};
pub use render::{Format, render};
