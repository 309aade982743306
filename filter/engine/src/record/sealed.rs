//! The record for the client who is refused: short, and readable only with the push key.

use serde_json::Value;

use super::Record;
use super::object::{self, Object};
use crate::json;
use crate::keys::envelope::cipher::Cipher;
use crate::keys::envelope::{NONCE_LENGTH, Purpose, PushKey};
use crate::time::UnixTime;
use crate::trace::{Step, Trace};

/// The longest sealed record, in characters.
pub const MAX_SEALED: usize = 512;

/// Bytes of the tag (RFC 8439 section 2.8).
const TAG: usize = 16;

/// The longest record that fits: four characters of BASE64URL stand for three bytes.
const MAX_SHORT: usize = MAX_SEALED / 4 * 3 - NONCE_LENGTH - TAG;

/// What the ciphertext is bound to.
const BINDING: &str = "";

impl Record<'_> {
    /// The record for the client: BASE64URL without padding, at most [`MAX_SEALED`] characters. The
    /// nonce has to be random. What there is no room for is left out.
    #[must_use]
    pub fn seal(&self, key: &PushKey, nonce: &[u8; NONCE_LENGTH]) -> Option<String> {
        Cipher::of(key, Purpose::Trace)?.seal(&self.short_json(), BINDING, nonce)
    }

    /// What the client does not know of its own request comes first.
    fn short_json(&self) -> String {
        let mut record = Object::within(MAX_SHORT);
        let time = self.time.map(UnixTime::rfc3339);
        record.text("time", time.as_deref().unwrap_or_default());
        record.text("policy", self.policy);
        record.text("reason", self.decided.reason());
        let (mut rule, pattern) = self.rule(Object::within(MAX_SHORT));
        // The path names the pattern too.
        let pattern = pattern.filter(|_| rule.is_empty());
        rule.text("pattern", pattern.as_deref().unwrap_or_default());
        record.object("rule", rule);
        if let Some(denied) = self.decided.denied() {
            let expression = self.expression(denied.reason);
            record.text("expression", &expression);
            let cause = denied.cause.as_deref().filter(|_| expression.is_empty());
            record.text("cause", cause.unwrap_or_default());
        }
        record.text("user", self.decided.user());
        let subject = self.trace.map(Trace::subject);
        if let Some(subject) = &subject {
            record.text("issuer", subject.issuer.as_deref().unwrap_or_default());
        }
        let groups = self.last(|step| match step {
            Step::Caller { groups, .. } => Some(object::texts(groups)),
            _ => None,
        });
        if let Some(groups) = groups {
            record.value("groups", &groups);
        }
        if let Some(subject) = &subject {
            self.add_subject(&mut record, subject);
        }
        record.text("id", self.request.id().unwrap_or_default());
        record.end()
    }
}

/// Opens a sealed record. `None`: it was not made with this key, or is no sealed record.
#[must_use]
pub fn open(sealed: &str, key: &PushKey) -> Option<Value> {
    let text = Cipher::of(key, Purpose::Trace)?.open(sealed, BINDING)?;
    json::parse(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::{self, Asked};

    const KEY: [u8; 32] = [7; 32];

    #[test]
    fn only_the_key_opens_a_sealed_record_which_is_never_long() {
        let key = PushKey::new(&KEY).unwrap();
        let long = "/v2/shut/".to_owned() + &"a/".repeat(4_000) + "b/manifests/latest";
        for path in [
            "/v2/shut/a/manifests/latest",
            "/v2/open/a/tags/list",
            &long,
            "/v2/\"\\\u{1}",
        ] {
            let asked = Asked {
                method: "PUT",
                path,
                id: "8de09b0e",
            };
            tests::with_record(&asked, |record| {
                let sealed = record.seal(&key, &[1; NONCE_LENGTH]).unwrap();
                assert!(sealed.len() <= MAX_SEALED, "{}: {sealed}", sealed.len());
                let opened = open(&sealed, &key).unwrap();
                assert_eq!(opened["reason"], record.decided.reason(), "{path}");
                assert_eq!(opened["policy"], record.policy);
                let other = PushKey::new(&[8; 32]).unwrap();
                assert_eq!(open(&sealed, &other), None);
                let changed = sealed.replacen(sealed.get(60..61).unwrap(), "_", 1);
                for text in [changed.as_str(), "", "AAAA", sealed.get(1..).unwrap()] {
                    assert_eq!(open(text, &key), None, "{text}");
                }
            });
        }
    }
}
