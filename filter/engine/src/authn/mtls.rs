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
use super::summary::Unreadable;
use crate::authn::authenticated::Authenticated;
use crate::request::{CertificateSummary, Connection, SummaryNeeds};
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
    /// The user name that the certificate of the connection gives, and when the certificate
    /// expires. `None` once it has expired: the host verifies it once per connection, and
    /// connections may live long. A summary does not say when it expires.
    pub(crate) fn name(
        &self,
        connection: &Connection<'_>,
        now: UnixTime,
    ) -> Option<(String, UnixTime)> {
        let pem = connection.certificate;
        if let (Some(summary), true) = (&connection.summary, pem.is_empty()) {
            return Some((self.name_by_summary(summary)?, UnixTime::MAX));
        }
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
        bound_to.is_none_or(|wanted| is_thumbprint(wanted, connection))
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

    /// As [`Self::username`], from a summary. `None` also if the summary lacks what is needed.
    fn name_by_summary(&self, summary: &CertificateSummary<'_>) -> Option<String> {
        summary.thumbprint()?;
        self.attributes
            .iter()
            .find_map(|attribute| self.value_by_summary(*attribute, summary).transpose())?
            .ok()
            .and_then(Value::name)
    }

    /// As [`Self::value`], from a summary.
    fn value_by_summary(
        &self,
        attribute: Attribute,
        summary: &CertificateSummary<'_>,
    ) -> Result<Option<Value>, Unreadable> {
        let name = match attribute {
            Attribute::CommonName => {
                return summary.common_name().map(|name| name.map(Value::Name));
            }
            Attribute::Name(form @ NameForm::Uri, 0) => summary.uri.map(|name| (form, name)),
            Attribute::Name(form @ NameForm::Dns, 0) => summary.dns.map(|name| (form, name)),
            Attribute::Subject | Attribute::Name(..) => return Err(Unreadable),
        };
        Ok(name.map(|(form, name)| self.alternative_name(form, name)))
    }

    /// What of a summary is read; `None` if that does not suffice.
    pub(crate) fn summary_needs(&self) -> Option<SummaryNeeds> {
        let reads = |wanted| self.attributes.contains(&wanted);
        self.needs_whole().is_none().then(|| SummaryNeeds {
            uri: reads(Attribute::Name(NameForm::Uri, 0)),
            dns: reads(Attribute::Name(NameForm::Dns, 0)),
            subject: reads(Attribute::CommonName),
        })
    }

    /// What is configured that no summary has, if anything.
    pub(crate) fn needs_whole(&self) -> Option<&'static str> {
        self.attributes
            .iter()
            .find_map(|attribute| match attribute {
                Attribute::CommonName | Attribute::Name(NameForm::Uri | NameForm::Dns, 0) => None,
                Attribute::Subject => Some("the attribute `Subject`"),
                Attribute::Name(NameForm::Email, _) => Some("the attribute `Email`"),
                Attribute::Name(NameForm::Uri, _) => Some("`uriSanIndex`"),
                Attribute::Name(NameForm::Dns, _) => Some("`dnsSanIndex`"),
            })
    }

    /// An alternative name as user name.
    fn alternative_name(&self, form: NameForm, name: &[u8]) -> Value {
        let name = std::str::from_utf8(name).ok();
        let name = match (&self.uri_pattern, form) {
            (Some(pattern), NameForm::Uri) => name.and_then(|name| pattern.first_group(name)),
            _ => name.map(str::to_owned),
        };
        name.map_or(Value::Unusable, Value::Name)
    }

    /// The value of an attribute, if the certificate has it.
    fn value(&self, attribute: Attribute, certificate: &Certificate<'_>) -> Option<Value> {
        match attribute {
            Attribute::CommonName => certificate
                .subject
                .common_name()
                .map(|name| Value::Name(name.to_owned())),
            Attribute::Subject => certificate.subject.text().map(Value::Name),
            Attribute::Name(form, index) => certificate
                .name(form, index)
                .map(|name| self.alternative_name(form, name)),
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

/// The `x5t#S256` of the certificate of a connection (RFC 8705 section 3.1).
pub(crate) fn thumbprint(connection: &Connection<'_>) -> Option<String> {
    let pem = connection.certificate;
    if let (Some(summary), true) = (&connection.summary, pem.is_empty()) {
        return summary.thumbprint();
    }
    PresentedCertificate::of_pem(pem)
        .map(|presented| URL_SAFE_NO_PAD.encode(presented.thumbprint()))
}

/// Returns true if `wanted` is the `x5t#S256` of the certificate of a connection.
pub(crate) fn is_thumbprint(wanted: &str, connection: &Connection<'_>) -> bool {
    thumbprint(connection).is_some_and(|thumbprint| thumbprint == wanted)
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
