//! What a caller may do: policies, patterns, conditions.

mod action;
mod condition;
mod index;
mod pattern;
mod policy;
mod req;
mod rule;
mod view;

pub use pattern::{Component, Pattern, PatternError};
pub use policy::Policy;
pub use req::{RequestFacts, address};
pub use rule::{Clause, Decision, Permission, Rule, named};
pub use view::{Named, PatternView, RuleView};
