//! API keys of zot: its tables `UserAPIKeys` and `UserData` as one JSON document.

use std::collections::BTreeMap;

use registry_auth_engine::UnixTime;
use serde::Deserialize;

use super::times::read_time;
use crate::store::{KeyDetails, KeyRecord, Source};

/// What is wrong with a document. No message holds a hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// It has another form.
    #[error(
        "the file must be a JSON object with `UserAPIKeys` (hash to user name) and `UserData` (user name to an object with `APIKeys`, hash to details), as zot keeps them"
    )]
    Malformed,
    /// A key cannot be used.
    #[error("UserData[\"{user}\"].APIKeys, key `{uuid}`: {problem}")]
    Key {
        /// Whose it is.
        user: String,
        /// Its id.
        uuid: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A key without details.
    #[error("UserAPIKeys names a key of `{0}` that UserData has no details of")]
    NoDetails(String),
    /// The method is none.
    #[error(
        "`{0}` is no method: write `htpasswd`, `ldap`, `openid:google`, `openid:gitlab`, `openid:oidc` or `openid:github`"
    )]
    Method(String),
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "UserAPIKeys")]
    owners: BTreeMap<String, String>,
    #[serde(rename = "UserData")]
    users: BTreeMap<String, UserData>,
}

#[derive(Deserialize)]
struct UserData {
    #[serde(rename = "APIKeys", default)]
    keys: Option<BTreeMap<String, KeyDetails>>,
    #[serde(rename = "Groups", default)]
    groups: Option<Vec<String>>,
}

/// Reads a document. zot does not keep how the owner of a key logs in, so `method` says it for all;
/// each key ends with it (D28), social logins counted from `now`.
///
/// # Errors
/// The first that is wrong; nothing is imported then.
pub fn import(text: &[u8], method: &str, now: UnixTime) -> Result<Vec<KeyRecord>, ImportError> {
    const METHODS: [&str; 6] = [
        "htpasswd",
        "ldap",
        "openid:google",
        "openid:gitlab",
        "openid:oidc",
        "openid:github",
    ];
    if !METHODS.contains(&method) {
        return Err(ImportError::Method(method.to_owned()));
    }
    let document: Document = serde_json::from_slice(text).map_err(|_| ImportError::Malformed)?;
    let mut records = Vec::new();
    for (hash, user) in document.owners {
        let data = document.users.get(&user);
        let details = data.and_then(|data| data.keys.as_ref()?.get(&hash));
        let Some((data, details)) = data.zip(details) else {
            return Err(ImportError::NoDetails(user));
        };
        let is_hash = hash.len() == 64
            && hash
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let has_times = [
            &details.created_at,
            &details.expiration_date,
            &details.last_used,
        ]
        .iter()
        .all(|time| read_time(time).is_some());
        let problem = match (is_hash, has_times, (1..=62).contains(&details.uuid.len())) {
            (false, _, _) => "its hash is not SHA-256 in lower-case hexadecimal digits",
            (_, false, _) => "a date is not RFC 3339",
            (_, _, false) => "`uuid` is missing or too long",
            _ => {
                records.push(KeyRecord {
                    hash,
                    user,
                    source: Source {
                        method: method.to_owned(),
                        ids: Vec::new(),
                        groups: data.groups.clone().unwrap_or_default(),
                        at: now.secs(),
                    },
                    details: details.clone(),
                });
                continue;
            }
        };
        return Err(ImportError::Key {
            user,
            uuid: details.uuid.clone(),
            problem,
        });
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::store::hash_of;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn document(change: fn(&mut Value, &str)) -> Value {
        let hash = hash_of("8397d3bc1c6c4cc0b11f8ad5e1294f26");
        let mut document = json!({
            "UserAPIKeys": { &hash: "ann" },
            "UserData": { "ann": {
                "StarredRepos": null, "BookmarkedRepos": [], "Groups": ["devs"],
                "APIKeys": { &hash: {
                    "createdAt": "2026-01-02T03:04:05.123456789Z", "expirationDate": "0001-01-01T00:00:00Z",
                    "isExpired": false, "creatorUa": "curl/8", "generatedBy": "manual",
                    "lastUsed": "0001-01-01T00:00:00Z", "label": "ci", "scopes": null,
                    "uuid": "46a45ce7-5d92-498a-a9cb-9654b1da3da1",
                } },
            } },
        });
        change(&mut document, &hash);
        document
    }

    fn read(document: &Value) -> Result<Vec<KeyRecord>, ImportError> {
        import(document.to_string().as_bytes(), "ldap", NOW)
    }

    #[test]
    fn keys_of_zot_are_read_with_their_hash() {
        let records = read(&document(|_, _| ())).unwrap();
        let [record] = records.as_slice() else {
            panic!("{records:?}")
        };
        assert_eq!(
            record.hash,
            "ae23b5902d484da35e6d8fd7013adcc9ed1927618e907dc6e9dbd5de2410c535"
        );
        assert_eq!(
            (record.user.as_str(), record.details.label.as_str()),
            ("ann", "ci")
        );
        assert_eq!(
            (record.source.method.as_str(), record.source.at),
            ("ldap", NOW.secs())
        );
        assert_eq!(
            (record.source.groups.as_slice(), record.details.scopes.len()),
            (&["devs".to_owned()][..], 0)
        );
    }

    #[test]
    fn what_is_wrong_is_named_without_a_hash() {
        type Row = (fn(&mut Value, &str), &'static str);
        let rows: [Row; 6] = [
            (|document, _| document["UserData"] = json!({}), "no details"),
            (
                |document, hash| document["UserAPIKeys"][hash] = json!("ben"),
                "no details",
            ),
            (|document, _| *document = json!([]), "must be a JSON object"),
            (
                |document, hash| {
                    document["UserData"]["ann"]["APIKeys"][hash]["createdAt"] = json!("x");
                },
                "a date",
            ),
            (
                |document, hash| document["UserData"]["ann"]["APIKeys"][hash]["uuid"] = json!(""),
                "`uuid`",
            ),
            (
                |document, _| {
                    document["UserAPIKeys"] = json!({ "AA": "ann" });
                    let keys = &mut document["UserData"]["ann"]["APIKeys"];
                    let details = keys.as_object().unwrap().values().next().unwrap().clone();
                    *keys = json!({ "AA": details });
                },
                "its hash",
            ),
        ];
        for (change, expected) in rows {
            let error = read(&document(change)).unwrap_err().to_string();
            assert!(
                error.contains(expected) && !error.contains("ae23b59"),
                "{error}"
            );
        }
        let other = import(document(|_, _| ()).to_string().as_bytes(), "mtls", NOW);
        assert_eq!(other, Err(ImportError::Method("mtls".into())));
    }
}
