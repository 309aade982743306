//! What the login service has ended before its time: logins by id, and all that were made before a
//! moment. It comes with its keys, as two more members of their JWK Set, `ended` and `issuedAfter`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::time::UnixTime;

/// The most bytes of ids in one set. A service that has more says `issuedAfter` instead, so that
/// everybody logs in again.
pub const MAX_ENDED: usize = 64 * 1024;

/// The longest id, in bytes.
pub const MAX_ID: usize = 64;

const ENDED: &str = "ended";
const ISSUED_AFTER: &str = "issuedAfter";

/// What is not accepted any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// The ids (`sid`, `parents`).
    pub ids: BTreeSet<String>,
    /// Tokens that were made before this are not accepted.
    pub issued_after: Option<UnixTime>,
}

/// The members of a pushed set are not of this form. What has ended is not known then, so no key of
/// the set may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the member `{0}` is not what a login service writes: `ended` is a list of at most 64 KiB of ids, `issuedAfter` a time in seconds"
)]
pub struct InvalidEnded(pub &'static str);

impl Ended {
    /// Reads the members of a set; absent ones end nothing.
    ///
    /// # Errors
    /// See [`InvalidEnded`].
    pub fn read(set: &Map<String, Value>) -> Result<Self, InvalidEnded> {
        let mut ids = BTreeSet::new();
        match set.get(ENDED) {
            None => {}
            Some(Value::Array(listed)) => {
                for id in listed {
                    let id = id.as_str().filter(|id| is_id(id));
                    ids.insert(id.ok_or(InvalidEnded(ENDED))?.to_owned());
                }
            }
            Some(_) => return Err(InvalidEnded(ENDED)),
        }
        let issued_after = match set.get(ISSUED_AFTER) {
            None => None,
            Some(seconds) => Some(UnixTime::from_secs(
                seconds.as_i64().ok_or(InvalidEnded(ISSUED_AFTER))?,
            )),
        };
        let ended = Self { ids, issued_after };
        if ended.size() > MAX_ENDED {
            Err(InvalidEnded(ENDED))
        } else {
            Ok(ended)
        }
    }

    /// The set as it is pushed: public keys, and the two members.
    #[must_use]
    pub fn with_keys(&self, jwks: &Value) -> Value {
        let keys = jwks.get("keys").cloned().unwrap_or_else(|| json!([]));
        let mut set = json!({ "keys": keys, ENDED: self.ids });
        if let (Some(members), Some(time)) = (set.as_object_mut(), self.issued_after) {
            members.insert(ISSUED_AFTER.to_owned(), time.secs().into());
        }
        set
    }

    /// How many bytes the ids have.
    #[must_use]
    pub fn size(&self) -> usize {
        self.ids.iter().map(String::len).sum()
    }

    /// Returns true if what has these ids, and was made at this time, is not accepted any more.
    pub fn refuses<'a>(&self, mut ids: impl Iterator<Item = &'a str>, issued: UnixTime) -> bool {
        self.issued_after.is_some_and(|after| issued < after) || ids.any(|id| self.ids.contains(id))
    }
}

/// Returns true for an id as a login service makes it.
#[must_use]
pub fn is_id(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &Value) -> Result<Ended, InvalidEnded> {
        Ended::read(set.as_object().unwrap())
    }

    #[test]
    fn a_set_is_read_as_it_was_written() {
        let ids = ["s.1", "h.2"].map(str::to_owned).into();
        let keys = json!({ "keys": [{ "kty": "OKP" }] });
        for issued_after in [None, Some(UnixTime::from_secs(5))] {
            let ended = Ended {
                ids: BTreeSet::clone(&ids),
                issued_after,
            };
            let set = ended.with_keys(&keys);
            assert_eq!(set["keys"], keys["keys"]);
            assert_eq!(read(&set), Ok(ended));
        }
        assert_eq!(read(&keys), Ok(Ended::default()));
    }

    #[test]
    fn another_form_is_refused() {
        let id = |length: usize| "a".repeat(length);
        let many: Vec<_> = (0..=MAX_ENDED / 64).map(|id| format!("{id:064}")).collect();
        let full: Vec<_> = many.iter().take(MAX_ENDED / 64).collect();
        let rows = [
            (json!({ "ended": [id(MAX_ID)] }), None),
            (json!({ "ended": full }), None),
            (json!({ "ended": many }), Some(ENDED)),
            (json!({ "ended": [id(MAX_ID + 1)] }), Some(ENDED)),
            (json!({ "ended": [""] }), Some(ENDED)),
            (json!({ "ended": ["a b"] }), Some(ENDED)),
            (json!({ "ended": [1] }), Some(ENDED)),
            (json!({ "ended": "s.1" }), Some(ENDED)),
            (json!({ "ended": null }), Some(ENDED)),
            (json!({ "issuedAfter": "1" }), Some(ISSUED_AFTER)),
            (json!({ "issuedAfter": 1.5 }), Some(ISSUED_AFTER)),
            (json!({ "issuedAfter": null }), Some(ISSUED_AFTER)),
        ];
        for (set, wrong) in rows {
            assert_eq!(read(&set).err(), wrong.map(InvalidEnded), "{set}");
        }
    }

    #[test]
    fn an_id_or_a_time_ends_a_login() {
        let ended = Ended {
            ids: ["s.1".to_owned()].into(),
            issued_after: Some(UnixTime::from_secs(100)),
        };
        let rows: [(&[&str], i64, bool); 6] = [
            (&["s.2"], 100, false),
            (&[], 100, false),
            (&["s.1"], 100, true),
            (&["k.1", "s.1"], 100, true),
            (&["s.2"], 99, true),
            (&["s.11"], 100, false),
        ];
        for (ids, issued, refused) in rows {
            let issued = UnixTime::from_secs(issued);
            assert_eq!(
                ended.refuses(ids.iter().copied(), issued),
                refused,
                "{ids:?}"
            );
        }
        assert!(!Ended::default().refuses(["s.1"].into_iter(), UnixTime::from_secs(0)));
    }
}
