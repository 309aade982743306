//! Search filters (RFC 4515).

use std::fmt::Write as _;

/// A filter that narrows who may log in: one filter of RFC 4515, in parentheses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserFilter(String);

/// A text that is not one filter of RFC 4515.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be one search filter (RFC 4515), such as `(!(nsAccountLock=TRUE))` or `&(objectClass=person)(mail=*)`, without blanks around it"
)]
pub struct InvalidFilter;

impl UserFilter {
    /// Reads a filter, with or without the parentheses around it, as zot takes it.
    ///
    /// # Errors
    /// Not one filter: several side by side would end the one that they are put into.
    pub fn parse(text: &str) -> Result<Self, InvalidFilter> {
        let mut inner = text;
        // In parentheses twice: no filter begins with two of them.
        while let Some(stripped) = inner
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
            && stripped.starts_with('(')
        {
            inner = stripped;
        }
        let filter = if inner.starts_with('(') {
            inner.to_owned()
        } else {
            format!("({inner})")
        };
        if inner.trim() != inner || ldap3::parse_filter(&filter).is_err() {
            return Err(InvalidFilter);
        }
        Ok(Self(filter))
    }

    /// The filter, with parentheses.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The filter that finds the entry of a user.
#[must_use]
pub fn of_user(attribute: &str, user: &[u8], narrowed: Option<&UserFilter>) -> String {
    let name = format!("({attribute}={})", escape(user));
    match narrowed {
        None => name,
        Some(UserFilter(filter)) => format!("(&{name}{filter})"),
    }
}

/// A value as it is written in a filter (RFC 4515 section 3): special characters and everything
/// that is not ASCII as `\` and two digits.
#[must_use]
pub fn escape(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len());
    for &byte in value {
        if matches!(byte, b'(' | b')' | b'*' | b'\\' | 0) || !byte.is_ascii() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\{byte:02x}");
        } else {
            text.push(char::from(byte));
        }
    }
    text
}
