//! What is done every few minutes: API keys are counted, and users of the directory who have a session
//! are searched for again. Whoever is gone from it, or from a group, is logged out (D28).

use std::collections::BTreeMap;
use std::time::Duration;

use registry_auth_engine::UnixTime;
use tokio::time::sleep;

use super::LoginService;
use super::listen::ServiceSwitch;
use super::methods::clock;
use crate::ended::EndedLogins;
use crate::login::Login;
use crate::person::{LoginError, Person};
use crate::session::LiveSessions;

const MINUTE: Duration = Duration::from_mins(1);

/// How many minutes pass between two searches for everybody who has a session.
const SEARCH: u32 = 5;

/// Counts the API keys each minute, and searches for users now and then, of the service that there
/// is at that time. Runs until it is dropped.
pub async fn watch_directory(switch: ServiceSwitch) {
    let mut minutes = 0;
    loop {
        if let Some((service, _)) = switch.now() {
            service.count_keys().await;
            if minutes % SEARCH == 0 {
                let sessions = &service.state.sessions;
                search_again(sessions, &service.login, &service.ended, clock()).await;
            }
        }
        minutes = (minutes + 1) % SEARCH;
        sleep(MINUTE).await;
    }
}

impl LoginService {
    async fn count_keys(&self) {
        if let Some(store) = &self.store
            && let Ok(keys) = store.keys(None).await
        {
            self.state.set_api_keys(keys.len());
        }
    }
}

/// Searches once. Returns how many sessions ended. While the directory does not answer, sessions
/// last until their end: an outage logs nobody out.
pub(super) async fn search_again(
    live: &LiveSessions,
    login: &Login,
    ended: &EndedLogins,
    now: UnixTime,
) -> usize {
    let mut found: BTreeMap<String, Option<Person>> = BTreeMap::new();
    let mut count = 0;
    for session in live.of_directory(now) {
        let key = session.person.sid.clone();
        if !found.contains_key(&key) {
            match login.still(&session.person).await {
                Ok(person) => found.insert(key.clone(), person),
                Err(LoginError::WrongPassword) => found.insert(key.clone(), None),
                // The next search tries again.
                Err(LoginError::TooManyAttempts { .. } | LoginError::Unavailable { .. }) => {
                    return count;
                }
            };
        }
        let person = found.get(&key).and_then(Option::as_ref);
        let has_all = |person: &Person| {
            let mut groups = session.person.groups.iter();
            groups.all(|group| person.groups.contains(group))
        };
        if person.is_some_and(has_all) {
            continue;
        }
        let user = &session.person.user;
        let why = if person.is_some() { "group" } else { "user" };
        let ids = [session.id.clone()];
        if let Err(error) = ended.end(&ids, session.until, now).await {
            tracing::warn!(%error, "other replicas do not know yet that a session has ended");
        }
        live.end(&session.id);
        tracing::info!(
            user,
            "a session ended: the {why} is gone from the directory"
        );
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use hyper::HeaderMap;
    use ldap3::Mod;
    use serde_json::json;

    use super::*;
    use crate::ldap::slapd::Slapd;
    use crate::ldap::tests::configured;
    use crate::secret::Secret;
    use crate::session::Sessions;
    use crate::token::{LoginKey, RootKey};

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    #[tokio::test]
    #[ignore = "needs slapd"]
    async fn who_is_gone_from_the_directory_or_a_group_is_logged_out() {
        let mut slapd = Slapd::start();
        let change =
            json!({ "userGroupAttribute": "employeeType", "userFilter": "(objectClass=person)" });
        let directory = configured(&slapd, &change).unwrap();
        let login = Login::new(None, Some(directory), None, [1; 16]);
        let live = Arc::new(LiveSessions::default());
        let key = LoginKey::of(&RootKey::random().unwrap()).unwrap();
        let sessions = Sessions::new(key, None, false, Arc::clone(&live));
        let ended = EndedLogins::new(None);
        let mut begun = Vec::new();
        for (user, password) in [("ann", "annpw"), ("ben", "benpw"), ("ann", "annpw")] {
            let secret = Secret::new(password.as_bytes().to_vec());
            let person = login.authenticate(user, secret, None).await.unwrap();
            let session = sessions.begin(person, &HeaderMap::new(), NOW).unwrap();
            begun.push(session.id);
        }
        let search = async || search_again(&live, &login, &ended, NOW).await;
        assert_eq!(search().await, 0);

        let dn = |user: &str| format!("uid={user},ou=Users,dc=example,dc=org");
        let mut administrator = slapd.administrator().await;
        let groups = |group| vec![Mod::Replace("employeeType", HashSet::from([group]))];
        let moved = administrator.modify(&dn("ann"), groups("of nobody")).await;
        moved.unwrap().success().unwrap();
        assert_eq!(search().await, 2, "both sessions of ann");
        let deleted = administrator.delete(&dn("ben")).await;
        // An outage ends nothing.
        deleted.unwrap().success().unwrap();
        drop(administrator);
        slapd.stop();
        assert_eq!(search().await, 0);
        assert_eq!(live.count(NOW), 1);
        slapd.resume();
        let mut count = 0;
        // The circuit of the directory closes again after a moment.
        for _ in 0..100 {
            count += search().await;
            if count > 0 {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
        assert_eq!((count, live.count(NOW)), (1, 0));
        let all: HashSet<_> = begun.into_iter().collect();
        let pushed: HashSet<_> = ended.subscribe().borrow().ids.iter().cloned().collect();
        assert_eq!(pushed, all);
    }
}
