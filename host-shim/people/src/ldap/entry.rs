//! What a directory says of a person. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ldap3::ResultEntry;
use ldap3::asn1::StructureTag;
use sha2::{Digest as _, Sha256};

/// An entry as it was found: its name, and its attributes with their values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) dn: String,
    attributes: Vec<(String, Vec<Vec<u8>>)>,
}

/// Values of one attribute, and where the rest of them begins, if a server gives only a part (the
/// option `range` of Active Directory).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) values: Vec<String>,
    pub(super) next: Option<u64>,
}

impl Entry {
    /// Reads an entry of a search (RFC 4511 section 4.5.2). None if it is not one.
    pub(super) fn read(found: ResultEntry) -> Option<Self> {
        let mut parts = found.0.match_id(4)?.expect_constructed()?.into_iter();
        let dn = String::from_utf8(parts.next()?.expect_primitive()?).ok()?;
        let mut attributes = Vec::new();
        for attribute in parts.next()?.expect_constructed()? {
            let mut parts = attribute.expect_constructed()?.into_iter();
            let name = String::from_utf8(parts.next()?.expect_primitive()?).ok()?;
            let values = parts.next()?.expect_constructed()?.into_iter();
            let values: Option<Vec<_>> = values.map(StructureTag::expect_primitive).collect();
            attributes.push((name, values?));
        }
        Some(Self { dn, attributes })
    }

    /// The name under which a person is known: the value of the attribute `name`; of several, the
    /// one that is like what was typed (D22). None refuses the login.
    pub(super) fn canonical_name(&self, attribute: &str, typed: &str) -> Option<String> {
        let values = self.values(attribute).values;
        let name = match values.as_slice() {
            [only] => only,
            several => several.iter().find(|value| fold(value) == fold(typed))?,
        };
        let is_usable = !name.trim().is_empty() && !name.chars().any(char::is_control);
        is_usable.then(|| name.clone())
    }

    /// The values of one attribute, and of no other that came with it (D26).
    pub(super) fn values(&self, attribute: &str) -> Values {
        let mut found = Values::default();
        for (name, values) in &self.attributes {
            let part = if name.eq_ignore_ascii_case(attribute) {
                Part::Last
            } else if let Some(part) = Part::of(name, attribute) {
                part
            } else {
                continue;
            };
            if let Part::Until(next) = part {
                found.next = found.next.max(Some(next));
            }
            let texts = values
                .iter()
                .filter_map(|value| std::str::from_utf8(value).ok());
            found.values.extend(texts.map(str::to_owned));
        }
        found
    }

    /// `l.` and 22 digits: what tokens of this entry end with.
    pub(super) fn sid(&self) -> String {
        let mut text = URL_SAFE_NO_PAD.encode(Sha256::digest(self.dn.to_lowercase()));
        text.truncate(22);
        format!("l.{text}")
    }
}

/// The attribute `name` from a value on.
pub(super) fn from(attribute: &str, start: u64) -> String {
    format!("{attribute};range={start}-*")
}

/// Which values of an attribute these are.
enum Part {
    /// The last of them, or all.
    Last,
    /// Those before this one.
    Until(u64),
}

impl Part {
    /// Reads `attribute;range=0-1499` and `attribute;range=1500-*`; None for another attribute.
    fn of(name: &str, attribute: &str) -> Option<Self> {
        let (base, options) = name.split_at_checked(attribute.len())?;
        if !base.eq_ignore_ascii_case(attribute) {
            return None;
        }
        let options = options.to_ascii_lowercase();
        let (_, end) = options.strip_prefix(";range=")?.split_once('-')?;
        if end == "*" {
            return Some(Self::Last);
        }
        Some(Self::Until(end.parse::<u64>().ok()?.checked_add(1)?))
    }
}

/// Names are alike without regard to case and outer blanks.
fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Attributes<'a> = &'a [(&'a str, &'a [&'a str])];

    /// (attributes, values, where the rest begins)
    type Row = (Attributes<'static>, &'static [&'static str], Option<u64>);

    fn entry(attributes: Attributes<'_>) -> Entry {
        let attributes = attributes.iter().map(|(name, values)| {
            let values = values.iter().map(|value| value.as_bytes().to_vec());
            ((*name).to_owned(), values.collect())
        });
        Entry {
            dn: "uid=Ann,dc=x".to_owned(),
            attributes: attributes.collect(),
        }
    }

    #[test]
    fn one_person_has_one_name() {
        let rows: &[(&[&str], &str, Option<&str>)] = &[
            (&["ann"], "ann", Some("ann")),
            (&["ann"], "ANN", Some("ann")),
            (&["Ann"], " ann ", Some("Ann")),
            (&["a*b", "p(q)r"], "P(q)R ", Some("p(q)r")),
            (&["a*b", "p(q)r"], "a", None),
            (&["jürgen", "x"], "JÜRGEN", Some("jürgen")),
            (&[], "ann", None),
            (&[""], "", None),
            (&[" "], " ", None),
            (&["ann\n"], "ann", None),
            (&["a\0"], "a", None),
        ];
        for (values, typed, expected) in rows {
            let name = entry(&[("cn", &["other"]), ("UID", values)]).canonical_name("uid", typed);
            assert_eq!(name.as_deref(), *expected, "{values:?} {typed}");
        }
    }

    #[test]
    fn groups_are_the_values_of_one_attribute_in_all_its_parts() {
        let rows: &[Row] = &[
            (
                &[("memberOf", &["b", "a"]), ("mail", &["x"])],
                &["b", "a"],
                None,
            ),
            (&[("MEMBEROF", &["a"])], &["a"], None),
            (
                &[("memberOf;range=0-1", &["a", "b"]), ("memberOf", &[])],
                &["a", "b"],
                Some(2),
            ),
            (&[("memberOf;Range=2-*", &["c"])], &["c"], None),
            (&[("memberOf;lang-de", &["c"])], &[], None),
            (&[("memberOfOther", &["c"])], &[], None),
            (&[("memberOf;range=x", &["c"])], &[], None),
            (&[("member", &["c"])], &[], None),
            (&[("memberO\u{fc}", &["c"])], &[], None),
            (&[], &[], None),
        ];
        for (attributes, values, next) in rows {
            let found = entry(attributes).values("memberOf");
            assert_eq!(found.values, *values, "{attributes:?}");
            assert_eq!(found.next, *next, "{attributes:?}");
        }
        assert_eq!(from("memberOf", 1500), "memberOf;range=1500-*");
    }

    #[test]
    fn the_case_of_an_entry_s_name_does_not_change_its_id() {
        let ann = entry(&[]);
        let other = Entry {
            dn: "UID=ann,DC=X".to_owned(),
            ..ann.clone()
        };
        assert_eq!(ann.sid(), other.sid());
        assert!(ann.sid().starts_with("l.") && ann.sid().len() == 24);
        let moved = Entry {
            dn: "uid=ann,dc=y".to_owned(),
            ..ann.clone()
        };
        assert_ne!(ann.sid(), moved.sid());
    }
}
