//! How much of the list of ended logins one user may fill. Pure: the time is an argument.

use std::collections::HashMap;
use std::time::Duration;

use registry_auth_engine::UnixTime;

/// The most ids of one user that are kept as ended at a time. The list has room for some 2400; when
/// it is full everybody has to log in again, which must not be up to one user.
pub const MAX_PER_USER: usize = 50;

/// What users have ended themselves: their sessions, their keys.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// By user: ids, and until when they are kept.
    users: HashMap<String, HashMap<String, UnixTime>>,
}

/// A user has ended too much lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many sessions and keys were ended lately: wait, then try again")]
pub struct TooManyEnded {
    /// When there is room again.
    pub retry_after: Duration,
}

impl Room {
    /// Returns whether a user may end one more.
    pub(super) fn check(&mut self, user: &str, now: UnixTime) -> Result<(), TooManyEnded> {
        self.users.retain(|_, ids| {
            ids.retain(|_, until| now < *until);
            !ids.is_empty()
        });
        let Some(ids) = self.users.get(user) else {
            return Ok(());
        };
        if ids.len() < MAX_PER_USER {
            return Ok(());
        }
        let first = ids.values().min().copied().unwrap_or(now);
        Err(TooManyEnded {
            retry_after: first.since(now),
        })
    }

    /// Counts an id; one that is counted already is none more.
    pub(super) fn take(
        &mut self,
        user: &str,
        id: &str,
        until: UnixTime,
        now: UnixTime,
    ) -> Result<(), TooManyEnded> {
        let is_known = self.users.get(user).is_some_and(|ids| ids.contains_key(id));
        if !is_known {
            self.check(user, now)?;
        }
        let ids = self.users.entry(user.to_owned()).or_default();
        ids.insert(id.to_owned(), until);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1000);
    const END: UnixTime = UnixTime::from_secs(1060);

    #[test]
    fn one_user_fills_a_small_part_of_the_list() {
        let mut room = Room::default();
        for number in 0..MAX_PER_USER {
            let id = format!("s.{number}");
            let until = END.after(Duration::from_secs(number as u64));
            assert_eq!(room.take("ann", &id, until, NOW), Ok(()), "{id}");
        }
        let full = Err(TooManyEnded {
            retry_after: Duration::from_mins(1),
        });
        // (user, id, now, expected)
        let rows = [
            ("ann", "s.new", NOW, full),
            ("ann", "s.7", NOW, Ok(())),
            ("ben", "s.new", NOW, Ok(())),
            ("ann", "s.new", END, Ok(())),
        ];
        for (user, id, now, expected) in rows {
            assert_eq!(room.take(user, id, END, now), expected, "{user} {id}");
        }
        assert_eq!(room.check("ann", UnixTime::from_secs(5000)), Ok(()));
        assert!(room.users.is_empty());
    }
}
