//! What a caller may do: policies, patterns, conditions.

mod action;
mod condition;
mod index;
mod pattern;
mod policy;
mod rule;

pub use condition::RequestFacts;
pub use pattern::{Pattern, PatternError};
pub use policy::Policy;
pub use rule::{Clause, Decision, Permission, Rule};
