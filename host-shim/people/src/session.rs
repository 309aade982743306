//! Sessions of browsers: a token in the cookie `session`, and what ends it.

pub mod begin;
pub mod cookie;
pub mod live;
pub mod own_request;

pub use begin::{NewSession, SessionError, Sessions};
pub use live::LiveSessions;
