//! Files that a document names: what the filter needs of them, and whether they can be used.

use registry_auth_engine::config::raw::Document;
use registry_auth_engine::keys::is_key_text;

use super::draft::Draft;

const CERT: &str = "http.auth.bearer.cert";

/// Puts the keys of a token server into the document, where `cert` is a path as in zot.
pub(super) fn inline_keys(raw: &Document, draft: &mut Draft<'_>) {
    let cert = raw.bearer.as_ref().and_then(|bearer| bearer.cert.as_ref());
    let Some(path) = cert.filter(|cert| !is_key_text(cert)) else {
        return;
    };
    match keys_of(path, draft) {
        Ok(text) => draft.set(&["http", "auth", "bearer"], "cert", text),
        Err(message) => draft.found.error(CERT, message),
    }
}

fn keys_of(path: &str, draft: &Draft<'_>) -> Result<String, String> {
    if path.contains('\n') {
        return Err(
            "is neither PEM nor JWKS text, nor the path of a file with one of them".to_owned(),
        );
    }
    let text = text_of(path, draft)?;
    if is_key_text(&text) {
        return Ok(text);
    }
    Err(format!("the file `{path}` holds neither PEM nor a JWKS"))
}

fn text_of(path: &str, draft: &Draft<'_>) -> Result<String, String> {
    let bytes = draft
        .files
        .read(path)
        .map_err(|error| format!("cannot read `{path}`: {error}"))?;
    String::from_utf8(bytes).map_err(|_| format!("the file `{path}` is not text"))
}

/// Reads the named files and reports those that cannot be used, where the caller wants that. No
/// message holds a part of the content.
pub(super) fn check(draft: &mut Draft<'_>) {
    if !draft.options.check_files {
        return;
    }
    for named in std::mem::take(&mut draft.named) {
        let wrong = match text_of(&named.path, draft) {
            Ok(text) => named.content.wrong(&text, &named.path),
            Err(message) => Some(message),
        };
        if let Some(message) = wrong {
            draft.found.error(named.place, message);
        }
    }
}
