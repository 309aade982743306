//! Reads the files that a configuration names and puts their text inline, so that the engine checks
//! it.

use std::path::Path;

use registry_auth_engine::config::raw::Document;
use registry_auth_engine::config::{ConfigError, Diagnostics};
use registry_auth_engine::keys::is_key_text;

use crate::disk::MAX_FILE;
use crate::file::{self, shown};
use crate::token;

const CERT: &str = "http.auth.bearer.cert";

/// Which JSON paths have received the content of a file.
#[derive(Debug, Default)]
pub(crate) struct Inlined {
    /// Paths whose file cannot be used: the error is reported already.
    unusable: Vec<String>,
    /// Paths of inline text, with the paths of the file names that it was read from.
    texts: Vec<(String, String)>,
}

impl Inlined {
    /// Reads `cert` if it is a path, and each `certificateAuthorityFile`; each `tokenFile` is read
    /// only to report errors. Relative paths are relative to the current directory.
    pub(crate) fn files_of(document: &mut Document, found: &mut Diagnostics) -> Self {
        let mut inlined = Self::default();
        let Some(bearer) = &mut document.bearer else {
            return inlined;
        };
        if let Some(cert) = bearer.cert.as_mut().filter(|cert| !is_key_text(cert)) {
            match keys_of(cert) {
                Ok(text) => *cert = text,
                Err(message) => {
                    found.error(CERT, message);
                    inlined.unusable.push(CERT.to_owned());
                }
            }
        }
        for (index, oidc) in bearer.oidc.iter_mut().enumerate() {
            let token = oidc.token_file.as_deref().filter(|_| oidc.is_pushed());
            let token = token.map(|path| token::authorization(Path::new(path)));
            if let Some(Err(error)) = token {
                found.error(
                    format!("http.auth.bearer.oidc[{index}].tokenFile"),
                    error.to_string(),
                );
            }
            // Both at once is an error that the engine reports.
            if oidc.certificate_authority.is_some() {
                continue;
            }
            let Some(file) = oidc.certificate_authority_file.take() else {
                continue;
            };
            let place = |member: &str| format!("http.auth.bearer.oidc[{index}].{member}");
            match read(&file) {
                Ok(text) => {
                    oidc.certificate_authority = Some(text);
                    inlined.texts.push((
                        place("certificateAuthority"),
                        place("certificateAuthorityFile"),
                    ));
                }
                Err(message) => found.error(place("certificateAuthorityFile"), message),
            }
        }
        inlined
    }

    /// Adds the errors and warnings of the compiled document, under the paths that the user wrote.
    pub(crate) fn add(&self, compiled: Diagnostics, found: &mut Diagnostics) {
        let errors = compiled
            .errors
            .into_iter()
            .filter(|error| !self.unusable.contains(&error.path));
        found.errors.extend(errors.map(|error| self.renamed(error)));
        found.warnings.extend(
            compiled
                .warnings
                .into_iter()
                .map(|warning| self.renamed(warning)),
        );
    }

    fn renamed(&self, error: ConfigError) -> ConfigError {
        let file = self
            .texts
            .iter()
            .find(|(text, _)| *text == error.path)
            .map(|(_, file)| file.clone());
        ConfigError {
            path: file.unwrap_or(error.path),
            message: error.message,
        }
    }
}

/// Reads the keys in the file that `cert` names.
fn keys_of(cert: &str) -> Result<String, String> {
    if cert.contains('\n') {
        return Err(
            "is neither PEM nor JWKS text, nor the path of a file with one of them".to_owned(),
        );
    }
    let text = read(cert)?;
    if is_key_text(&text) {
        return Ok(text);
    }
    Err(format!(
        "the file `{}` holds neither PEM nor a JWKS",
        shown(Path::new(cert))
    ))
}

fn read(path: &str) -> Result<String, String> {
    let shown = shown(Path::new(path));
    let bytes = file::read(Path::new(path), MAX_FILE).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| format!("the file `{shown}` is not text"))
}
