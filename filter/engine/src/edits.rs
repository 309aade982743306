//! How the head of a granted request changes on its way to the registry: what is forwarded is what
//! was checked.
//!
//! Fields are removed that a registry, or a framework that it is built with, may treat as another
//! method, target, caller or parameter than those that were decided on. Names are compared as the
//! most lenient server reads them: a CGI-like interface makes letters upper case and every other
//! character `_`, so that `X_Registry.User` is `x-registry-user`.

use std::borrow::Cow;
use std::convert::Infallible;
use std::ops::Range;

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use registry_auth_bytes::fields::{Fields, length_bit};
use registry_auth_bytes::name::is_read_as;

use crate::authn::credential::{Credential, Passwords};
use crate::decision::Grant;
use crate::login::CALLER_HEADER;
use crate::media::may_be_form;
use crate::route::Payload;

const AUTHORIZATION: &str = "authorization";
const CONTENT_TYPE: &str = "content-type";
const BYTES: &str = "application/octet-stream";

/// The field names that matter, besides that of the user name.
const KNOWN: [(&str, Meaning); 12] = [
    (AUTHORIZATION, Meaning::Credential),
    (CONTENT_TYPE, Meaning::MediaType),
    // A session of the registry's own (zot, Harbor): a second credential.
    ("cookie", Meaning::Session),
    // RFC 9110 section 11.7.1.
    ("proxy-authorization", Meaning::Override),
    // Symfony, Rack, ASP.NET and others take these for the method, these for the target.
    ("x-http-method", Meaning::Override),
    ("x-http-method-override", Meaning::Override),
    ("x-method-override", Meaning::Override),
    ("x-original-method", Meaning::Override),
    ("x-original-uri", Meaning::Override),
    ("x-original-url", Meaning::Override),
    // What only this filter says to the login service.
    (CALLER_HEADER, Meaning::Override),
    ("x-rewrite-url", Meaning::Override),
];
/// A bit for each length that a known name has: most fields need no comparison.
const LENGTHS: u64 = {
    let mut lengths = 0;
    let mut rest: &[(&str, Meaning)] = &KNOWN;
    while let [(name, _), others @ ..] = rest {
        lengths |= length_bit(name.len());
        rest = others;
    }
    lengths
};

/// Everything in a user name but visible ASCII, and `%` itself so that it can be read back.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// How a registry may use a header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// It has no meaning here.
    None,
    /// `Authorization`.
    Credential,
    /// `Content-Type`.
    MediaType,
    /// `Cookie`.
    Session,
    /// Another caller, method or target than what was checked.
    Override,
}

/// What the configuration says about heads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadRules {
    /// Header field that passes the user name to the registry.
    pub identity_header: Option<String>,
    /// Requests that bring this field are refused, for hosts that may not remove it.
    pub refuse_identity_header: bool,
    /// The client's `Authorization` is forwarded, if it is one.
    pub forward_authorization: bool,
}

/// One change of a head. Applied in order, all of them make the head that may be forwarded; if one
/// fails, none may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit<'a> {
    /// Replace `:path`.
    Target(&'a str),
    /// Remove every field of this name, which is as the client sent it.
    Remove(&'a [u8]),
    /// Add a field.
    Add(&'a str, Cow<'a, str>),
}

/// The changes that a grant makes to one head.
#[derive(Clone, Debug)]
pub struct HeadEdits<'a> {
    grant: &'a Grant,
    fields: &'a Fields,
    rules: &'a HeadRules,
    /// The registry's own `Authorization`, if this request gets it.
    credential: Option<&'a str>,
    /// What the login service gets to know of the caller.
    caller: Option<&'a str>,
    /// The client's `Authorization` is forwarded.
    keeps_credential: bool,
    /// The media type is not forwarded as the client sent it.
    is_retyped: bool,
    /// Where the fields are that matter: most heads have one, or two adjacent ones.
    span: Range<usize>,
}

impl Grant {
    /// How to change the head that this grant was given for. `credential` is the registry's own
    /// `Authorization` (`proxy.upstreamAuthorization`); only requests that a rule about
    /// repositories has granted get it.
    #[must_use]
    pub fn edits<'a>(
        &'a self,
        fields: &'a Fields,
        rules: &'a HeadRules,
        credential: Option<&'a str>,
    ) -> HeadEdits<'a> {
        let credential = credential.filter(|_| self.rule().is_of_repositories());
        let (mut keeps_credential, mut types, mut is_retyped, mut span) =
            (false, 0_usize, false, 0..0);
        for (index, (name, value)) in fields.of_lengths(rules.lengths()) {
            let meaning = rules.meaning(name);
            if meaning != Meaning::None {
                span = if span.is_empty() {
                    index..index + 1
                } else {
                    span.start..index + 1
                };
            }
            match meaning {
                // A field that is treated as absent is replaced by the registry's own.
                Meaning::Credential => {
                    keeps_credential |= rules.forward_authorization
                        && !self.is_page()
                        && (credential.is_none()
                            || Credential::read(&[value], Passwords::Tokens)
                                != Ok(Credential::Anonymous));
                }
                Meaning::MediaType => {
                    types += 1;
                    is_retyped |= match self.payload() {
                        Payload::Any => false,
                        Payload::NoForm => may_be_form(value),
                        Payload::Bytes => types > 1 || value != BYTES.as_bytes(),
                    };
                }
                Meaning::None | Meaning::Session | Meaning::Override => {}
            }
        }
        let credential = credential.filter(|_| !keeps_credential);
        HeadEdits {
            grant: self,
            fields,
            rules,
            credential,
            caller: None,
            keeps_credential,
            is_retyped,
            span,
        }
    }
}

impl<'a> HeadEdits<'a> {
    /// The same with what the login service gets to know: [`Grant::caller`], signed.
    #[must_use]
    pub const fn naming(mut self, caller: Option<&'a str>) -> Self {
        self.caller = caller;
        self
    }

    /// Makes the changes, in order, up to the first that fails.
    ///
    /// # Errors
    /// That of the change that failed.
    pub fn apply<E>(&self, mut change: impl FnMut(Edit<'a>) -> Result<(), E>) -> Result<(), E> {
        if let Some(target) = self.grant.target() {
            change(Edit::Target(target))?;
        }
        for name in self.removed() {
            change(Edit::Remove(name))?;
        }
        if self.is_retyped {
            change(Edit::Add(CONTENT_TYPE, Cow::Borrowed(BYTES)))?;
        }
        if let Some(user) = self.user() {
            change(user)?;
        }
        if let Some(caller) = self.caller {
            change(Edit::Add(CALLER_HEADER, Cow::Borrowed(caller)))?;
        }
        self.credential.map_or(Ok(()), |credential| {
            change(Edit::Add(AUTHORIZATION, Cow::Borrowed(credential)))
        })
    }

    /// Returns true if `head` is the head with all of the changes made. Some hosts say that they
    /// remove a field, and keep it.
    #[must_use]
    pub fn are_made_in(&self, head: &Fields) -> bool {
        let mut has_target = true;
        let mut added = Vec::new();
        let _: Result<(), Infallible> = self.apply(|edit| {
            match edit {
                Edit::Target(target) => has_target = head.all(":path").eq([target.as_bytes()]),
                Edit::Remove(_) => {}
                Edit::Add(name, value) => added.push((name, value)),
            }
            Ok(())
        });
        let mut is_kept = |name: &[u8], value: &[u8]| {
            let own = |(own, _): &(&str, Cow<'_, str>)| name.eq_ignore_ascii_case(own.as_bytes());
            let place = added
                .iter()
                .position(|field| own(field) && value == field.1.as_bytes());
            let Some(place) = place else {
                return !self.removes(name) && !added.iter().any(own);
            };
            added.swap_remove(place);
            true
        };
        let is_clean = head.iter().all(|(name, value)| is_kept(name, value));
        is_clean && added.is_empty() && has_target
    }

    /// Names of fields to remove, each once.
    fn removed(&self) -> impl Iterator<Item = &'a [u8]> {
        let edits = self.clone();
        let start = edits.span.start;
        let is_first = move |index, name| {
            edits
                .fields
                .within(start..index)
                .all(|(earlier, _)| earlier != name)
        };
        let removed = move |(index, (name, _))| {
            (edits.removes(name) && is_first(index, name)).then_some(name)
        };
        (start..)
            .zip(self.fields.within(self.span.clone()))
            .filter_map(removed)
    }

    fn removes(&self, name: &[u8]) -> bool {
        match self.rules.meaning(name) {
            Meaning::None => false,
            Meaning::Override => true,
            Meaning::Credential => !self.keeps_credential,
            Meaning::MediaType => self.is_retyped,
            // Outside of `/v2` are pages of the registry that an operator made public, its login
            // among them.
            Meaning::Session => self.grant.payload() != Payload::Any,
        }
    }

    fn user(&self) -> Option<Edit<'a>> {
        let name = self.rules.identity_header.as_deref()?;
        let user = self.grant.identity().user()?;
        Some(Edit::Add(
            name,
            percent_encode(user.name().as_bytes(), ESCAPED).into(),
        ))
    }
}

impl HeadRules {
    /// Returns true if a request is to be refused for a field by which it names its user, in any
    /// spelling.
    #[must_use]
    pub fn refuses(&self, fields: &Fields) -> bool {
        self.refuse_identity_header
            && self.identity_header.as_deref().is_some_and(|own| {
                fields
                    .of_lengths(length_bit(own.len()))
                    .any(|(_, (name, _))| is_read_as(name, own) && !name.starts_with(b":"))
            })
    }

    /// A bit for each length that a name which matters has.
    fn lengths(&self) -> u64 {
        LENGTHS
            | self
                .identity_header
                .as_ref()
                .map_or(0, |name| length_bit(name.len()))
    }

    fn meaning(&self, name: &[u8]) -> Meaning {
        // Pseudo header fields are the request line.
        let is_own = |own: &str| is_read_as(name, own) && !name.starts_with(b":");
        if self.identity_header.as_deref().is_some_and(is_own) {
            Meaning::Override
        } else {
            known(name)
        }
    }
}

fn known(name: &[u8]) -> Meaning {
    KNOWN
        .iter()
        .find(|(known, _)| is_read_as(name, known))
        .map_or(Meaning::None, |(_, meaning)| *meaning)
}

/// Returns true if the filter edits fields of this name itself, so that it cannot be the field of
/// the user name.
#[must_use]
pub fn is_decided(name: &str) -> bool {
    known(name.as_bytes()) != Meaning::None
}

#[cfg(test)]
mod tests;
