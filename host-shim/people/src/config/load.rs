//! The files that the configuration names.

use std::collections::BTreeMap;
use std::path::Path;

use registry_auth_engine::config::{ConfigError, Diagnostics};
use registry_auth_engine::json::StrictValue;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;

use super::openid::{ClientSecret, Provider, ProviderKey};
use super::reader::Object;
use super::{Ldap, PeopleConfig};
use crate::secret::Secret;

/// Reads a file; the error says why it cannot be read, without its path.
pub type FileReader<'a> = dyn Fn(&Path) -> Result<Vec<u8>, String> + 'a;

/// The shortest hash key, in bytes (D34).
const MIN_HASH_KEY: usize = 32;

/// The lengths of keys of AES, in bytes.
const ENCRYPT_KEYS: [usize; 3] = [16, 24, 32];

/// What is in the files.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The htpasswd file as it is.
    pub htpasswd: Option<Vec<u8>>,
    /// The account that searches the directory; None binds anonymously.
    pub service_account: Option<ServiceAccount>,
    /// The authorities that the directory is verified with; None are those of the system.
    pub ldap_authorities: Option<Vec<CertificateDer<'static>>>,
    /// The clients of the providers.
    pub clients: BTreeMap<ProviderKey, ClientCredentials>,
    /// The keys of sessions; None makes some at start.
    pub session_keys: Option<SessionKeys>,
}

/// The account that searches the directory.
#[derive(Clone, Debug)]
pub struct ServiceAccount {
    /// Its distinguished name; empty binds anonymously.
    pub bind_dn: String,
    /// Its password.
    pub bind_password: Secret,
}

/// Who this registry is for a provider.
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    /// The client's id.
    pub id: String,
    /// Its secret; None for a public client.
    pub secret: Option<Secret>,
    /// The key that signs its assertions.
    pub key: Option<ClientKey>,
}

/// A key that signs client assertions (RFC 7523).
#[derive(Clone, Debug)]
pub struct ClientKey {
    /// Its id.
    pub key_id: String,
    /// The private key, PEM: PKCS#8, or RSA and EC in their own formats.
    pub pem: Secret,
    /// The client it belongs to, where the file says so.
    pub client_id: Option<String>,
}

/// The keys of sessions.
#[derive(Clone, Debug)]
pub struct SessionKeys {
    /// At least 32 bytes.
    pub hash_key: Secret,
    /// 16, 24 or 32 bytes.
    pub encrypt_key: Option<Secret>,
}

/// Reads all files that a configuration names.
///
/// # Errors
/// Each file that is missing, unreadable or wrong, with the path of its key; the message names the
/// file and holds nothing of its content.
pub fn load(config: &PeopleConfig, read: &FileReader<'_>) -> Result<Loaded, Vec<ConfigError>> {
    let mut files = Files {
        read,
        diagnostics: Diagnostics::default(),
    };
    let htpasswd = config.htpasswd.as_ref();
    let ldap = config.ldap.as_ref();
    let keys_file = config.sessions.keys_file.as_deref();
    let providers = config.openid.iter().flat_map(|openid| &openid.providers);
    let loaded = Loaded {
        htpasswd: htpasswd
            .and_then(|htpasswd| files.bytes("http.auth.htpasswd.path", &htpasswd.path)),
        service_account: ldap.and_then(|ldap| files.service_account(ldap)),
        ldap_authorities: ldap.and_then(|ldap| files.authorities(ldap)),
        clients: providers
            .filter_map(|provider| Some((provider.key, files.client(provider)?)))
            .collect(),
        session_keys: keys_file.and_then(|file| files.session_keys(file)),
    };
    if files.diagnostics.errors.is_empty() {
        Ok(loaded)
    } else {
        Err(files.diagnostics.errors)
    }
}

struct Files<'a> {
    read: &'a FileReader<'a>,
    diagnostics: Diagnostics,
}

impl Files<'_> {
    fn error(&mut self, path: &str, file: &Path, message: &str) {
        self.diagnostics
            .error(path, format!("the file `{}` {message}", file.display()));
    }

    fn bytes(&mut self, path: &str, file: &Path) -> Option<Vec<u8>> {
        match (self.read)(file) {
            Ok(bytes) => Some(bytes),
            Err(why) => {
                self.error(path, file, &format!("cannot be read: {why}"));
                None
            }
        }
    }

    /// A file of JSON or YAML. What a parser says of it may quote it, so it is not repeated.
    fn document(&mut self, path: &str, file: &Path) -> Option<Value> {
        let bytes = self.bytes(path, file)?;
        let options =
            serde_saphyr::options! { strict_booleans: true, reject_unsupported_tags: true };
        let read = serde_saphyr::from_slice_with_options(&bytes, options);
        match read {
            Ok(StrictValue(value)) if value.is_object() => Some(value),
            _ => {
                self.error(
                    path,
                    file,
                    "has to hold one JSON object, or the same as YAML",
                );
                None
            }
        }
    }

    /// Reads the members of a document; the paths of errors are those of the key.
    fn members<T>(
        &mut self,
        path: &str,
        file: &Path,
        read: impl FnOnce(&mut Object<'_>) -> T,
    ) -> Option<T> {
        let value = self.document(path, file)?;
        let mut found = Diagnostics::default();
        let mut object = Object::new("", &value, &mut found);
        let members = read(&mut object);
        object.end();
        for error in found.errors {
            let place = error.path.trim_start_matches('.');
            self.error(
                path,
                file,
                &format!("is wrong: `{place}` {}", error.message),
            );
        }
        Some(members)
    }

    fn service_account(&mut self, ldap: &Ldap) -> Option<ServiceAccount> {
        let file = ldap.credentials_file.as_deref()?;
        let path = "http.auth.ldap.credentialsFile";
        let account = self.members(path, file, |object| {
            Some((present(object, "bindDN")?, present(object, "bindPassword")?))
        });
        let (bind_dn, password) = account.flatten()?;
        Some(ServiceAccount {
            bind_dn,
            bind_password: Secret::new(password.into_bytes()),
        })
    }

    fn authorities(&mut self, ldap: &Ldap) -> Option<Vec<CertificateDer<'static>>> {
        let file = ldap.ca_cert.as_deref()?;
        let path = "http.auth.ldap.caCert";
        let bytes = self.bytes(path, file)?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
        let usable = certificates.ok().filter(|all| {
            let mut store = RootCertStore::empty();
            !all.is_empty() && all.iter().all(|one| store.add(one.clone()).is_ok())
        });
        if usable.is_none() {
            self.error(path, file, "is not the PEM text of certificates");
        }
        usable
    }

    fn client(&mut self, provider: &Provider) -> Option<ClientCredentials> {
        let path = format!("http.auth.openid.providers.{}", provider.key.as_str());
        let key = match &provider.keypath {
            None => None,
            Some(file) => Some(self.client_key(&format!("{path}.keypath"), file)?),
        };
        let (id, secret) = match &provider.client_secret {
            ClientSecret::None => (provider.client_id.clone()?, None),
            ClientSecret::Text(secret) => (provider.client_id.clone()?, Some(secret.clone())),
            ClientSecret::File(file) => {
                let path = format!("{path}.credentialsFile");
                let members = self.members(&path, file, |object| {
                    Some((
                        object.needed("clientid", "my-client")?,
                        present(object, "clientsecret")?,
                    ))
                });
                let (id, secret) = members.flatten()?;
                let secret = Some(secret).filter(|secret| !secret.is_empty());
                (id, secret.map(|secret| Secret::new(secret.into_bytes())))
            }
        };
        Some(ClientCredentials { id, secret, key })
    }

    /// The file comes from a provider, which may put more into it.
    fn client_key(&mut self, path: &str, file: &Path) -> Option<ClientKey> {
        let value = self.document(path, file)?;
        let text = |name: &str| {
            super::member(&value, name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let pem = text("key").filter(|pem| {
            pem.trim_start().starts_with("-----BEGIN ") && pem.contains("PRIVATE KEY-----")
        });
        let (Some(key_id), Some(pem)) = (text("keyId"), pem) else {
            self.error(
                path,
                file,
                "needs `keyId`, and `key` with the PEM text of a private key",
            );
            return None;
        };
        Some(ClientKey {
            key_id,
            pem: Secret::new(pem.into_bytes()),
            client_id: text("clientId"),
        })
    }

    fn session_keys(&mut self, file: &Path) -> Option<SessionKeys> {
        let path = "http.auth.sessionKeysFile";
        let (hash_key, encrypt_key) = self.members(path, file, |object| {
            (object.text("hashKey"), object.text("encryptKey"))
        })?;
        let hash_key = hash_key.filter(|key| key.len() >= MIN_HASH_KEY);
        if hash_key.is_none() {
            self.error(path, file, "needs `hashKey` with 32 bytes or more (D34)");
        }
        if encrypt_key
            .as_ref()
            .is_some_and(|key| !ENCRYPT_KEYS.contains(&key.len()))
        {
            self.error(
                path,
                file,
                "has an `encryptKey` that is not 16, 24 or 32 bytes long (D34)",
            );
            return None;
        }
        Some(SessionKeys {
            hash_key: Secret::new(hash_key?.into_bytes()),
            encrypt_key: encrypt_key.map(|key| Secret::new(key.into_bytes())),
        })
    }
}

/// A text that has to be there, and may be empty.
fn present(object: &mut Object<'_>, name: &'static str) -> Option<String> {
    let before = object.errors();
    match object.take(name) {
        Some(Value::String(text)) => Some(text),
        other => {
            if before == object.errors() {
                let what = if other.is_some() {
                    "must be a string"
                } else {
                    "must be given, as a string"
                };
                object.error(name, what);
            }
            None
        }
    }
}
