//! The sessions that this process has begun and that have not ended: for metrics, and to search for
//! the users of a directory again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use registry_auth_engine::UnixTime;

use crate::person::{Method, Person};

/// The most sessions at a time.
pub const MAX_LIVE: usize = 65_536;

/// A session of a user of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OfDirectory {
    pub(crate) id: String,
    /// As the login found the user.
    pub(crate) person: Person,
    pub(crate) until: UnixTime,
}

/// The sessions by id.
#[derive(Debug, Default)]
pub struct LiveSessions(Mutex<BTreeMap<String, Live>>);

#[derive(Debug)]
struct Live {
    until: UnixTime,
    /// The user, if the directory knows it.
    person: Option<Person>,
}

impl LiveSessions {
    /// Records a session. Returns false if there are too many.
    #[must_use]
    pub(super) fn begin(&self, id: &str, person: &Person, until: UnixTime, now: UnixTime) -> bool {
        let mut live = self.live();
        if live.len() >= MAX_LIVE {
            live.retain(|_, session| now < session.until);
        }
        if live.len() >= MAX_LIVE {
            return false;
        }
        let person = (person.method == Method::Ldap).then(|| person.clone());
        live.insert(id.to_owned(), Live { until, person });
        true
    }

    /// Forgets a session that has ended before its time.
    pub(crate) fn end(&self, id: &str) {
        self.live().remove(id);
    }

    /// Returns how many there are.
    #[must_use]
    pub fn count(&self, now: UnixTime) -> usize {
        let mut live = self.live();
        live.retain(|_, session| now < session.until);
        live.len()
    }

    /// Returns those of the directory's users.
    pub(crate) fn of_directory(&self, now: UnixTime) -> Vec<OfDirectory> {
        let live = self.live();
        let live = live.iter().filter(|(_, session)| now < session.until);
        live.filter_map(|(id, session)| {
            Some(OfDirectory {
                id: id.clone(),
                person: session.person.clone()?,
                until: session.until,
            })
        })
        .collect()
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<String, Live>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(method: Method) -> Person {
        Person {
            user: "ann".into(),
            groups: Vec::new(),
            method,
            sid: "l.1".into(),
            not_after: None,
            scopes: Vec::new(),
        }
    }

    #[test]
    fn sessions_are_there_until_they_end_and_few_are() {
        let at = UnixTime::from_secs;
        let live = LiveSessions::default();
        assert!(live.begin("s.1", &person(Method::Ldap), at(20), at(10)));
        assert!(live.begin("s.2", &person(Method::Htpasswd), at(30), at(10)));
        assert_eq!(live.count(at(19)), 2);
        let found = live.of_directory(at(19));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].id.as_str(), found[0].until, &found[0].person),
            ("s.1", at(20), &person(Method::Ldap))
        );
        assert!(live.of_directory(at(20)).is_empty());
        assert_eq!(live.count(at(20)), 1);
        live.end("s.2");
        assert_eq!(live.count(at(20)), 0);
        for number in 0..MAX_LIVE {
            assert!(live.begin(&number.to_string(), &person(Method::Ldap), at(40), at(30)));
        }
        assert!(!live.begin("more", &person(Method::Ldap), at(50), at(39)));
        assert!(live.begin("later", &person(Method::Ldap), at(50), at(40)));
        assert_eq!(live.count(at(40)), 1);
    }
}
