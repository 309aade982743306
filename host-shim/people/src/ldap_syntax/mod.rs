//! Texts of LDAP: filters, distinguished names, names of attributes. Pure.

mod attribute;
pub mod dn;
pub mod filter;

pub use attribute::is_attribute;
