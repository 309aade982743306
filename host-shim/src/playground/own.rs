//! The configuration that the page shows: read again each time that it is asked for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use registry_auth_engine::keys::{KeySet, has_private_block, private_entries};
use registry_auth_render::{Files, Options, complete};
use serde_json::{Value, json};

use crate::configuration::value_again;
use crate::disk::Disk;
use crate::file::{self, shown};

/// The longest file that is shown, in bytes: that of the page's own limit.
const MAX_TEXT: u64 = 1 << 20;

/// A configuration file.
#[derive(Clone, Debug)]
pub(super) struct Own {
    path: PathBuf,
}

/// The answer to the page.
#[derive(Debug)]
pub(super) struct Answer {
    /// Changes with the answer.
    pub(super) tag: String,
    /// JSON.
    pub(super) body: Vec<u8>,
}

/// The files that were read.
#[derive(Default)]
struct Seen(RefCell<BTreeMap<String, String>>);

impl Files for Seen {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let bytes = Disk.read(path)?;
        // A configuration may name any file: the page gets only what is public.
        if let Ok(text) = std::str::from_utf8(&bytes)
            && is_public(text)
        {
            let mut files = self.0.borrow_mut();
            files.insert(path.to_owned(), text.to_owned());
        }
        Ok(bytes)
    }
}

/// Returns true for a public key, a certificate, or a key set without private keys.
fn is_public(text: &str) -> bool {
    let is_set = || {
        serde_json::from_str(text).is_ok_and(|value: Value| {
            KeySet::from_jwks_value(&value).is_ok() && private_entries(&value).next().is_none()
        })
    };
    !has_private_block(text) && (KeySet::from_cert(text).is_ok() || is_set())
}

impl Own {
    /// The file at `path`, which can be read now.
    ///
    /// # Errors
    /// It cannot be read, or is too long.
    pub(super) fn new(path: &Path) -> anyhow::Result<Self> {
        file::read(path, MAX_TEXT)?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Reads the file, and those that it names.
    pub(super) fn answer(&self) -> Answer {
        let read = file::read(&self.path, MAX_TEXT).map_err(|error| error.reason());
        let text = read.and_then(|bytes| {
            String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())
        });
        let ending = self.path.extension();
        let is_yaml = ending.is_some_and(|ending| ending == "yaml" || ending == "yml");
        let error = text.as_ref().err().cloned();
        let value = json!({
            "name": shown(&self.path),
            "format": if is_yaml { "yaml" } else { "json" },
            "text": text.unwrap_or_default(),
            "files": self.files(),
            "error": error,
        });
        let body = value.to_string().into_bytes();
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        Answer {
            tag: format!("\"{:016x}\"", hasher.finish()),
            body,
        }
    }

    /// The files that the filter would get the content of.
    fn files(&self) -> BTreeMap<String, String> {
        let seen = Seen::default();
        if let Ok(Ok(value)) = value_again(&self.path) {
            // The page says what is wrong.
            let _ = complete(&value, &Options::default(), &seen);
        }
        seen.0.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    impl Answer {
        fn value(&self) -> Value {
            serde_json::from_slice(&self.body).unwrap()
        }
    }

    #[test]
    fn the_file_is_read_again_with_what_it_names_and_without_private_keys() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let key = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        fs::write(at("public.pem"), key).unwrap();
        fs::write(at("private.pem"), key.replace("PUBLIC", "PRIVATE")).unwrap();
        let path = folder.path().join("zot.json");
        let write = |cert: &str| {
            let bearer = json!({ "realm": "r", "service": "s", "cert": at(cert) });
            let text = json!({ "http": { "auth": { "bearer": bearer } } }).to_string();
            fs::write(&path, &text).unwrap();
            text
        };
        let text = write("public.pem");
        let own = Own::new(&path).unwrap();
        let first = own.answer();
        let value = first.value();
        assert_eq!(value["text"], text);
        assert_eq!(value["format"], "json");
        assert_eq!(value["files"][at("public.pem")], key);
        assert_eq!(own.answer().tag, first.tag);

        // Whatever else is named, as by mistake, is not shown.
        for (name, content) in [
            ("password", "root:x:0:0".to_owned()),
            ("mixed.pem", format!("{key}{}", key.replace("PUBLIC", "PRIVATE"))),
            ("private.jwk", r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "3pL95mHbZYNG6-YT_MqXKibGQrXF7WziWk25EcgEJGs", "d": "AAAA"}]}"#.to_owned()),
        ] {
            fs::write(at(name), content).unwrap();
            write(name);
            assert_eq!(own.answer().value()["files"], json!({}), "{name}");
        }
        write("private.pem");
        let second = own.answer();
        assert_ne!(second.tag, first.tag);
        assert_eq!(second.value()["files"], json!({}));

        fs::write(&path, b"\xff").unwrap();
        assert_eq!(own.answer().value()["error"], "it is not UTF-8 text");
        fs::remove_file(&path).unwrap();
        let gone = own.answer().value();
        assert_eq!(gone["error"], "No such file or directory (os error 2)");
        assert!(Own::new(&path).is_err());
    }
}
