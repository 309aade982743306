//! Who a client certificate names: zot's `http.auth.mtls`, ready to run.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use regex_automata::nfa::thompson;
use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::{Anchored, Input, PatternID};
use registry_auth_cel::re2;

use super::certificate::{Certificate, NameForm, PresentedCertificate};
use crate::authn::cache::Authenticated;
use crate::request::Connection;
use crate::time::UnixTime;

/// Which part of a certificate is the user name.
#[derive(Debug)]
pub struct Mtls {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) uri_pattern: Option<UriPattern>,
    /// A token that names a certificate is valid only with that certificate (RFC 8705 section 3).
    pub(crate) bind_tokens: bool,
}

/// A part of a certificate; a form of alternative name with its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attribute {
    CommonName,
    Subject,
    Name(NameForm, usize),
}

impl Mtls {
    /// The user name that the certificate with this PEM text gives, and when the certificate
    /// expires. `None` once it has expired: the host verifies it once per connection, and
    /// connections may live long.
    pub(crate) fn name(&self, pem: &[u8], now: UnixTime) -> Option<(String, UnixTime)> {
        let presented = PresentedCertificate::of_pem(pem)?;
        let certificate = presented.read()?;
        // `notAfter` is inclusive (RFC 5280 section 4.1.2.5).
        let expires = certificate.not_after.after(Duration::from_secs(1));
        let username = self.username(&certificate).filter(|_| now < expires)?;
        Some((username, expires))
    }

    /// Returns true if a token is valid on this connection: one that is bound to a certificate only
    /// with that one (RFC 8705 section 3). Not part of what is cached of a token: the next
    /// connection may have another certificate.
    pub(crate) fn may_carry(&self, token: &Authenticated, connection: &Connection<'_>) -> bool {
        let bound_to = token.bound_to.as_deref().filter(|_| self.bind_tokens);
        bound_to.is_none_or(|wanted| is_thumbprint(wanted, connection.certificate))
    }

    /// That of the first attribute that the certificate has. If it is empty, no other is read, as
    /// in zot; nor if it cannot be used: a URI of another trust domain must not make its holder
    /// whoever the common name says.
    fn username(&self, certificate: &Certificate<'_>) -> Option<String> {
        self.attributes
            .iter()
            .find_map(|attribute| self.value(*attribute, certificate))
            .and_then(Value::name)
    }

    /// The value of an attribute, if the certificate has it.
    fn value(&self, attribute: Attribute, certificate: &Certificate<'_>) -> Option<Value> {
        match attribute {
            Attribute::CommonName => certificate
                .subject
                .common_name()
                .map(|name| Value::Name(name.to_owned())),
            Attribute::Subject => certificate.subject.text().map(Value::Name),
            Attribute::Name(form, index) => {
                let name = std::str::from_utf8(certificate.name(form, index)?).ok();
                let name = match (&self.uri_pattern, form) {
                    (Some(pattern), NameForm::Uri) => {
                        name.and_then(|name| pattern.first_group(name))
                    }
                    _ => name.map(str::to_owned),
                };
                Some(name.map_or(Value::Unusable, Value::Name))
            }
        }
    }
}

/// What a certificate has in an attribute.
enum Value {
    Name(String),
    /// The pattern refuses it, or it is no text.
    Unusable,
}

impl Value {
    fn name(self) -> Option<String> {
        match self {
            Self::Name(name) => Some(name),
            Self::Unusable => None,
        }
    }
}

/// The `x5t#S256` of the certificate with this PEM text (RFC 8705 section 3.1).
pub(crate) fn thumbprint(pem: &[u8]) -> Option<String> {
    PresentedCertificate::of_pem(pem)
        .map(|presented| URL_SAFE_NO_PAD.encode(presented.thumbprint()))
}

/// Returns true if `wanted` is the `x5t#S256` of the certificate with this PEM text.
pub(crate) fn is_thumbprint(wanted: &str, pem: &[u8]) -> bool {
    thumbprint(pem).is_some_and(|thumbprint| thumbprint == wanted)
}

/// `uriSanPattern`: its first group is the user name.
pub(crate) struct UriPattern(PikeVM);

/// Why a text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPattern {
    /// Not an expression, or too large.
    Malformed,
    /// It has no group, so it would yield no name.
    NoGroup,
}

impl UriPattern {
    /// Compiles an expression as RE2 reads it.
    pub(crate) fn compile(text: &str) -> Result<Self, NoPattern> {
        let text = re2::translate(text).map_err(|_| NoPattern::Malformed)?;
        let limited = thompson::Config::new().nfa_size_limit(Some(re2::MAX_AUTOMATON));
        let machine = PikeVM::builder()
            .thompson(limited)
            .build(&text)
            .map_err(|_| NoPattern::Malformed)?;
        let groups = machine.get_nfa().group_info().group_len(PatternID::ZERO);
        if groups > 1 {
            Ok(Self(machine))
        } else {
            Err(NoPattern::NoGroup)
        }
    }

    /// The text that the first group matches. The pattern has to match from the beginning of the
    /// URI: what stands inside a path is chosen by the client that asks for the certificate, as
    /// `spiffe://other.org/spiffe://example.org/admin` shows.
    fn first_group(&self, uri: &str) -> Option<String> {
        let mut found = self.0.create_captures();
        self.0.captures(
            &mut self.0.create_cache(),
            Input::new(uri).anchored(Anchored::Yes),
            &mut found,
        );
        found
            .get_group(1)
            .and_then(|span| uri.get(span.range()))
            .map(str::to_owned)
    }
}

impl fmt::Debug for UriPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("UriPattern")
    }
}

#[cfg(test)]
mod tests;
