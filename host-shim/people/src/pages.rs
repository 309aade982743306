//! The pages of the login: *Log in*, *My keys*, *Logged out*, and errors; and the routes
//! `/zot/auth/{login,callback,logout}`.
//!
//! Rendered here, without scripts and styles of others and without inline ones, so that the
//! Content-Security-Policy forbids both. Everything that is not written here is escaped by `maud`.

pub mod api;
mod error_page;
mod flow;
mod keys;
mod keys_page;
mod layout;
mod logged_out_page;
mod login;
mod login_page;
mod logout;
mod respond;
mod router;
#[cfg(test)]
mod tests;

pub use api::{KeyDetails, KeyRefused, MadeKey, NewKey, NotEnded, PagesApi};
pub use router::Pages;
