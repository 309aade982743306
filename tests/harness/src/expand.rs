//! Placeholders in scenario files: `${...}` for keys in configurations and for tokens in requests.

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::key::{self, TestKey};

/// Replaces every string that is one key placeholder, anywhere in `value`.
///
/// `${pem:KEY}`, `${pkcs1:KEY}` and `${certificate:KEY}` become PEM text, `${jwk:KEY}` the text of
/// a JWKS with that key, `${jwks:KEY,KEY}` a JWKS as JSON.
///
/// # Errors
/// An unknown placeholder or key.
pub fn keys(value: &mut Value) -> Result<()> {
    match value {
        Value::String(text) => {
            if let Some(inner) = text
                .strip_prefix("${")
                .and_then(|rest| rest.strip_suffix('}'))
            {
                *value = key_text(inner)?;
            }
        }
        Value::Array(items) => items.iter_mut().try_for_each(keys)?,
        Value::Object(members) => members.values_mut().try_for_each(keys)?,
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

fn key_text(placeholder: &str) -> Result<Value> {
    let (kind, names) = placeholder
        .split_once(':')
        .context("a placeholder is `${KIND:NAME}`")?;
    Ok(match kind {
        "pem" => TestKey::named(names)?.pkix_pem()?.into(),
        "pkcs1" => TestKey::named(names)?.pkcs1_pem()?.into(),
        "certificate" => TestKey::named(names)?.certificate_pem()?.into(),
        "jwk" => key::jwks(&[names])?.to_string().into(),
        "jwks" => key::jwks(&names.split(',').collect::<Vec<_>>())?,
        _ => bail!("there is no placeholder `${{{kind}:...}}`"),
    })
}

/// Replaces each `${token:NAME}` by the token and each `${basic:USER:NAME}` by Basic credentials
/// with the token as password.
///
/// # Errors
/// An unknown placeholder, or what `mint` says.
pub fn tokens(text: &str, mint: &dyn Fn(&str) -> Result<String>) -> Result<String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (placeholder, after) = after.split_once('}').context("`${` without `}`")?;
        result.push_str(before);
        match placeholder.split_once(':') {
            Some(("token", name)) => result.push_str(&mint(name)?),
            Some(("basic", rest)) => {
                let (user, name) = rest.split_once(':').context("`${basic:USER:TOKEN}`")?;
                result.push_str(&basic(user, &mint(name)?));
            }
            _ => bail!("there is no placeholder `${{{placeholder}}}`"),
        }
        rest = after;
    }
    Ok(result + rest)
}

/// Returns the value of `authorization` with Basic credentials (RFC 7617 section 2).
#[must_use]
pub fn basic(user: &str, password: &str) -> String {
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{user}:{password}"))
    )
}

/// Returns the bytes of a text whose characters are bytes.
///
/// # Errors
/// A character above U+00FF.
pub fn octets(text: &str) -> Result<Vec<u8>> {
    let octet = |character: char| {
        u8::try_from(u32::from(character))
            .with_context(|| format!("`{character}` is no byte: write UTF-8 byte by byte"))
    };
    text.chars().map(octet).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn key_placeholders_become_text_or_json() {
        let mut value = json!({"cert": "${pem:es256}", "list": ["${jwks:es256,rs256}", "${jwk:eddsa}", "plain ${pem:x}"]});
        keys(&mut value).unwrap();
        assert!(
            value["cert"]
                .as_str()
                .unwrap()
                .starts_with("-----BEGIN PUBLIC KEY")
        );
        assert_eq!(value["list"][0]["keys"][1]["kid"], "rs256");
        assert!(
            value["list"][1]
                .as_str()
                .unwrap()
                .starts_with("{\"keys\":[")
        );
        assert_eq!(value["list"][2], "plain ${pem:x}");
        for wrong in ["${pem:nobody}", "${pam:es256}", "${pem}"] {
            assert!(keys(&mut json!([wrong])).is_err(), "{wrong}");
        }
    }

    #[test]
    fn token_placeholders_are_replaced_wherever_they_stand() {
        let mint = |name: &str| Ok(name.to_uppercase());
        assert_eq!(
            tokens("Bearer ${token:a},${token:b}!", &mint).unwrap(),
            "Bearer A,B!"
        );
        assert_eq!(tokens("${basic:u:a}", &mint).unwrap(), "Basic dTpB");
        for wrong in ["${token:a", "${other:a}", "${basic:a}"] {
            assert!(tokens(wrong, &mint).is_err(), "{wrong}");
        }
    }

    #[test]
    fn characters_are_bytes() {
        assert_eq!(octets("a\u{ff}").unwrap(), [b'a', 0xff]);
        assert!(octets("\u{100}").is_err());
    }
}
