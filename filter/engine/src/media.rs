//! Media types of request bodies (RFC 9110 section 8.3): which of them a server may read parameters
//! from.

/// Types whose bodies servers read as parameters, besides `multipart/*`. The second is what
/// Werkzeug also takes for the first.
const FORMS: [&[u8]; 2] = [
    b"application/x-www-form-urlencoded",
    b"application/x-url-encoded",
];

/// Returns true if some server may read a body with this `Content-Type` as a form.
///
/// Servers disagree about values that break the grammar: Go ignores malformed parameters and
/// lower-cases letters outside of ASCII into it, others take one of several types that are joined
/// by commas. So each element of such a list has to be `type/subtype`, with parameters or without,
/// and not a form; every other value may be one. An empty value is treated as absent (RFC 9110: the
/// recipient may treat it as `application/octet-stream`).
pub(crate) fn may_be_form(content_type: &[u8]) -> bool {
    !content_type.trim_ascii().is_empty()
        && !content_type.split(|byte| *byte == b',').all(is_harmless)
}

fn is_harmless(element: &[u8]) -> bool {
    let essence = element
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    let mut parts = essence.split(|byte| *byte == b'/');
    let (Some(kind), Some(subtype), None) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let is_form = kind.eq_ignore_ascii_case(b"multipart")
        || FORMS.iter().any(|form| essence.eq_ignore_ascii_case(form));
    is_token(kind) && is_token(subtype) && !is_form
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_any_server_may_read_as_a_form_is_one() {
        let forms = [
            "application/x-www-form-urlencoded",
            "Application/X-WWW-Form-URLEncoded",
            "application/x-www-form-urlencoded; charset=utf-8",
            "application/x-www-form-urlencoded;",
            "application/x-www-form-urlencoded; =",
            "application/x-www-form-urlencoded ;a=b;a=b",
            " \tapplication/x-www-form-urlencoded\t ",
            "application/x-url-encoded",
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "MULTIPART/mixed",
            "multipart/related; boundary=x",
            // Go lower-cases this letter to `i`.
            "appl\u{130}cation/x-www-form-urlencoded",
            "\u{a0}application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded\u{85}",
            "application/json, application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded,application/json",
            "application/json; x=\"a, application/x-www-form-urlencoded\"",
            "x-www-form-urlencoded",
            "application/x-www-form-urlencoded/x",
            "application /x-www-form-urlencoded",
            "application/ x-www-form-urlencoded",
            "\"application/x-www-form-urlencoded\"",
            ";application/x-www-form-urlencoded",
            "application/json,",
            ",",
            ";",
            "/",
            "form",
        ];
        for value in forms {
            assert!(may_be_form(value.as_bytes()), "{value}");
        }
        assert!(may_be_form(b"\xff"));
    }

    #[test]
    fn types_of_manifests_are_no_forms() {
        let others = [
            "",
            " ",
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            "application/vnd.oci.image.index.v1+json; charset=utf-8",
            "application/json;charset=\"utf-8\"",
            "APPLICATION/JSON",
            "application/octet-stream",
            "text/plain",
            "application/json, application/json",
            "application/x-www-form-urlencoded+json",
        ];
        for value in others {
            assert!(!may_be_form(value.as_bytes()), "{value}");
        }
    }
}
