//! What is wrong, dangerous or doubtful in a configuration.
//!
//! The engine says what it refuses and what it warns of (`known` gives these a name); the other
//! findings are of this crate, a family a file. All of them are data: a [`Finding`] says what, at
//! which member, and what to write instead; [`Places`] says where that is in the text, and a
//! [`Report`] has all of them with their places.

mod advice;
mod allow;
mod anyone;
mod claims;
mod conditions;
mod expression;
mod expressions;
mod families;
mod finding;
mod form;
mod grants;
mod ids;
mod issuers;
mod known;
mod known_claims;
mod level;
mod names;
mod patterns;
mod places;
mod reach;
mod report;
mod samples;
mod shapes;
mod strangers;
mod subject;
mod well_known;
mod witness;

pub use finding::{Finding, Place};
pub use form::{Format, finding as form, position};
pub use ids::{IDS, PAGE};
pub use known_claims::suggested;
pub use level::Level;
pub use places::{Lines, Places};
pub use report::{Located, Reading, Report, foreign};
