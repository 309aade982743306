//! `http.auth.mtls`: what of a client certificate is the user name.

use crate::authn::certificate::NameForm;
use crate::authn::mtls::{Attribute, Mtls, NoPattern, UriPattern};
use crate::config::{Diagnostics, raw};

const PATH: &str = "http.auth.mtls";

/// Compiles the section. What is wrong with it is an error, so a part that is left out here never
/// runs.
pub(super) fn compile(raw: &raw::Mtls, diagnostics: &mut Diagnostics) -> Mtls {
    let mut attributes = Vec::with_capacity(raw.identity_attributes.len());
    for (index, name) in raw.identity_attributes.iter().enumerate() {
        let attribute = attribute(name, raw);
        if attribute.is_none() {
            let message = format!(
                "`{name}` is not an attribute; write CommonName, Subject, Email, URI or DNSName"
            );
            diagnostics.error(format!("{PATH}.identityAttributes[{index}]"), message);
        }
        attributes.extend(attribute);
    }
    if raw.identity_attributes.is_empty() {
        attributes.push(Attribute::CommonName);
    }
    let uses = |form| {
        attributes
            .iter()
            .any(|attribute| matches!(attribute, Attribute::Name(used, _) if *used == form))
    };
    for (option, set, form, name) in [
        (
            "uriSanPattern",
            raw.uri_san_pattern.is_some(),
            NameForm::Uri,
            "URI",
        ),
        ("uriSanIndex", raw.uri_san_index > 0, NameForm::Uri, "URI"),
        (
            "dnsSanIndex",
            raw.dns_san_index > 0,
            NameForm::Dns,
            "DNSName",
        ),
        (
            "emailSanIndex",
            raw.email_san_index > 0,
            NameForm::Email,
            "Email",
        ),
    ] {
        if set && !uses(form) {
            let message = format!("has no effect without `{name}` in `identityAttributes`");
            diagnostics.error(format!("{PATH}.{option}"), message);
        }
    }
    let uri_pattern = raw
        .uri_san_pattern
        .as_deref()
        .and_then(|text| pattern(text, diagnostics));
    Mtls {
        attributes,
        uri_pattern,
        bind_tokens: raw.bind_tokens,
    }
}

/// Zot's names and their other forms, in any case, blanks around them dropped.
fn attribute(name: &str, raw: &raw::Mtls) -> Option<Attribute> {
    Some(match name.trim().to_ascii_lowercase().as_str() {
        "commonname" | "cn" => Attribute::CommonName,
        "subject" | "dn" => Attribute::Subject,
        "email" | "rfc822name" => Attribute::Name(NameForm::Email, raw.email_san_index),
        "uri" | "url" => Attribute::Name(NameForm::Uri, raw.uri_san_index),
        "dnsname" | "dns" => Attribute::Name(NameForm::Dns, raw.dns_san_index),
        _ => return None,
    })
}

fn pattern(text: &str, diagnostics: &mut Diagnostics) -> Option<UriPattern> {
    let path = format!("{PATH}.uriSanPattern");
    let message = match UriPattern::compile(text) {
        Ok(pattern) => return Some(pattern),
        Err(NoPattern::Malformed) => {
            format!("`{text}` is not a regular expression that can be used (RE2)")
        }
        Err(NoPattern::NoGroup) => {
            "has no group in parentheses: the first one is the user name".to_owned()
        }
    };
    diagnostics.error(path, message);
    None
}
