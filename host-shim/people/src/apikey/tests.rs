//! The API and the use of keys, with a store in a file.

mod api;
mod uses;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use registry_auth_engine::UnixTime;
use registry_auth_engine::login::CallerIdentity;
use serde_json::Value;

use super::*;
use crate::person::Unavailable;
use crate::store::{Embedded, Store};

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);

fn later(duration: Duration) -> UnixTime {
    NOW.after(duration)
}

/// What the methods know, as a test says.
#[derive(Default)]
struct Known {
    local: Vec<&'static str>,
    /// Users of the directory with their groups; nothing if it does not answer.
    directory: Option<BTreeMap<&'static str, Vec<&'static str>>>,
    providers: Vec<&'static str>,
    /// The id of all entries of the directory.
    sid: String,
}

struct TestSources(Mutex<Known>);

impl Sources for TestSources {
    fn is_local(&self, user: &str) -> bool {
        self.0.lock().unwrap().local.contains(&user)
    }

    fn directory<'a>(
        &'a self,
        user: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Person>, LoginError>> + Send + 'a>> {
        Box::pin(async move {
            let known = self.0.lock().unwrap();
            let directory = known.directory.as_ref().ok_or(LoginError::Unavailable {
                reason: Unavailable::Directory,
                retry_after: Duration::from_secs(5),
            })?;
            let groups = directory.get(user);
            Ok(groups.map(|groups| Person {
                user: user.to_owned(),
                groups: groups.iter().map(|group| (*group).to_owned()).collect(),
                method: crate::Method::Ldap,
                sid: known.sid.clone(),
                not_after: None,
                scopes: Vec::new(),
            }))
        })
    }

    fn has_provider(&self, name: &str) -> bool {
        self.0.lock().unwrap().providers.contains(&name)
    }
}

/// Keys in a new store, with `ann` and `ben` in the htpasswd file.
struct Fixture {
    _folder: tempfile::TempDir,
    store: Arc<dyn Store>,
    sources: Arc<TestSources>,
    keys: ApiKeys,
}

impl Fixture {
    fn new() -> Self {
        Self::with(None, None)
    }

    fn with(max_age: Option<Duration>, login_age: Option<Duration>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(Embedded::open(&folder.path().join("store")).unwrap());
        let sources = Arc::new(TestSources(Mutex::new(Known {
            local: vec!["ann", "ben"],
            directory: Some(BTreeMap::from([("dora", vec!["devs"])])),
            providers: vec!["github"],
            sid: "l.1".into(),
        })));
        let known: Arc<dyn Sources> = sources.clone();
        Self {
            _folder: folder,
            keys: ApiKeys::new(Arc::clone(&store), known, max_age, login_age),
            store,
            sources,
        }
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.sources.0.lock().unwrap());
    }

    async fn make(&self, user: &str, method: &str, wanted: Wanted) -> Made {
        self.keys
            .make(&caller(user, method), &wanted, NOW)
            .await
            .unwrap()
    }
}

fn caller(user: &str, method: &str) -> CallerIdentity {
    CallerIdentity {
        user: user.into(),
        groups: vec!["from-login".into()],
        methods: vec![method.into()],
        id: Some("s.1".into()),
        parents: vec!["l.1".into()],
        ..CallerIdentity::default()
    }
}

fn rows() -> Vec<Value> {
    let text = include_str!("../../../../tests/fixtures/identity-apikeys.json");
    let all: Value = serde_json::from_str(text).unwrap();
    all["rows"].as_array().unwrap().clone()
}
