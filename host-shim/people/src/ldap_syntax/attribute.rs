//! Names of attributes.

/// Returns true if a text is the name of one attribute: a short name or an object identifier (RFC
/// 4512 section 1.4), with options such as `;lang-de` (section 2.5).
#[must_use]
pub fn is_attribute(text: &str) -> bool {
    let mut parts = text.split(';');
    let name = parts.next().unwrap_or_default();
    (is_short_name(name) || is_object_identifier(name))
        && parts.all(|option| {
            !option.is_empty()
                && option
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

fn is_short_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_object_identifier(name: &str) -> bool {
    name.contains('.')
        && name.split('.').all(|number| {
            !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
                && (number == "0" || !number.starts_with('0'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_attributes() {
        for name in [
            "uid",
            "memberOf",
            "x-1",
            "2.5.4.3",
            "0.9.2342.19200300.100.1.1",
            "cn;lang-de",
        ] {
            assert!(is_attribute(name), "{name}");
        }
        for name in [
            "",
            "*",
            "+",
            "1.",
            "1",
            "01.2",
            "1..2",
            "-x",
            "a b",
            "uid=",
            "a*",
            "cn;",
            "uid;range=0-9",
            "ü",
            "(uid)",
            "uid)(x",
            "_x",
        ] {
            assert!(!is_attribute(name), "{name}");
        }
    }
}
