//! Explains policies and tests them: what the words of a client mean as requests, what each request
//! would get, and why.
//!
//! The crate is pure, like the engine, which decides everything: this crate only asks it and shows
//! the steps that it has recorded. Modules use those above them:
//!
//! ```text
//!  words    "push team/app:v1" as requests
//!  case     who does what, and what each request gets
//!  nearest  the smallest change with which it would be allowed
//!  show     the same as text for people
//!  coverage which rules tests have reached
//!  access   who may do something, what somebody may do
//!  tests    what a policy file promises about itself
//!  diff     what a new policy gives and takes
//!  replay   the requests of a log, decided by two policies
//! ```

pub mod access;
pub mod case;
pub mod coverage;
pub mod diff;
pub mod nearest;
pub mod plain;
pub mod replay;
pub mod show;
pub mod tests;
pub mod words;
