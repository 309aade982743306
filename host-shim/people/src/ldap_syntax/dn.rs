//! Distinguished names (RFC 4514).

use super::is_attribute;

/// Returns true if a text is a distinguished name. The empty text is the name of the root.
#[must_use]
pub fn is_distinguished_name(text: &str) -> bool {
    text.is_empty()
        || split(text, &[',', ';']).is_some_and(|names| names.iter().all(|name| is_relative(name)))
}

/// `uid=ann`, or several of these with `+` between them.
fn is_relative(name: &str) -> bool {
    split(name, &['+']).is_some_and(|pairs| {
        pairs.iter().all(|pair| {
            pair.split_once('=')
                .is_some_and(|(attribute, value)| is_attribute(attribute.trim()) && is_value(value))
        })
    })
}

/// `#` and hexadecimal digits, or a text whose special characters are escaped. Blanks around it are
/// accepted, as servers do (RFC 2253 section 4).
fn is_value(value: &str) -> bool {
    let value = value.trim_start_matches(' ');
    if let Some(digits) = value.strip_prefix('#') {
        let digits = digits.trim_end_matches(' ');
        return !digits.is_empty()
            && digits.len().is_multiple_of(2)
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    let mut escaped = false;
    for character in value.chars() {
        if !escaped && matches!(character, '"' | '<' | '>' | '\0') {
            return false;
        }
        escaped = !escaped && character == '\\';
    }
    true
}

/// Splits at separators that are not escaped. None where an escape is not one: `\` is followed by a
/// special character or by two hexadecimal digits.
fn split<'a>(text: &'a str, separators: &[char]) -> Option<Vec<&'a str>> {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut length = 0;
    loop {
        let Some((position, found)) = rest.char_indices().find(|(index, character)| {
            *index >= length && (*character == '\\' || separators.contains(character))
        }) else {
            parts.push(rest);
            return Some(parts);
        };
        if found == '\\' {
            let (_, tail) = rest.split_at_checked(position + 1)?;
            length = position + 1 + escape(tail)?;
        } else {
            let (part, tail) = rest.split_at_checked(position)?;
            parts.push(part);
            rest = tail.strip_prefix(found)?;
            length = 0;
        }
    }
}

/// The bytes that an escape takes after its `\`.
fn escape(text: &str) -> Option<usize> {
    let mut characters = text.chars();
    let first = characters.next()?;
    if " \"#+,;<=>\\".contains(first) {
        return Some(1);
    }
    let second = characters.next()?;
    (first.is_ascii_hexdigit() && second.is_ascii_hexdigit()).then_some(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_entries() {
        for name in [
            "",
            "dc=x",
            "ou=Users,dc=example,dc=org",
            "ou=Users, dc=example, dc=org",
            "cn=Comma\\, Person,ou=Users",
            "cn=a+uid=b,dc=x",
            "cn=jürgen,dc=x",
            "cn=\\c3\\bc,dc=x",
            "2.5.4.3=#0402,dc=x",
            "cn=a=b,dc=x",
            "cn=,dc=x",
            "cn=a\\\\,dc=x",
        ] {
            assert!(is_distinguished_name(name), "{name}");
        }
        for name in [
            "not a dn",
            "dc",
            "dc=x,",
            ",dc=x",
            "=x",
            "dc=x,,dc=y",
            "cn=a\\",
            "cn=a\\zz",
            "cn=\"a\",dc=x",
            "cn=#1,dc=x",
            "cn=a<b",
            "c n=x",
            "cn=a+,dc=x",
        ] {
            assert!(!is_distinguished_name(name), "{name}");
        }
    }
}
