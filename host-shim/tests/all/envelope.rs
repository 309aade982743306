//! Opens envelopes as the filter does, and proves the example of the README.

use std::time::SystemTime;

use anyhow::Context;
use registry_auth::envelope::{PushKey, PushedKeys, open, seal};
use registry_auth::time::UnixTime;
use serde_json::Value;

use crate::intake::PUSH_KEY;

/// What was in an envelope.
pub(crate) struct Pushed {
    pub(crate) set: String,
    pub(crate) generation: u64,
    pub(crate) key_ids: Vec<String>,
}

/// Opens a body with the push key of the tests, now.
pub(crate) fn opened(body: &[u8]) -> anyhow::Result<Pushed> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let pushed = open(body, &PushKey::new(PUSH_KEY.as_bytes())?, UnixTime::from_secs(now.as_secs().try_into()?))?;
    let keys = pushed.keys.get("keys").and_then(Value::as_array).context("no keys")?;
    let key_id = |key: &Value| key.get("kid").and_then(Value::as_str).map(str::to_owned);
    let key_ids = keys.iter().map(|key| key_id(key).context("no kid")).collect::<anyhow::Result<_>>()?;
    let private = keys.iter().filter(|key| key.get("d").is_some()).count();
    anyhow::ensure!(private == usize::from(pushed.is_signing()), "{private} private keys in `{}`", pushed.set);
    Ok(Pushed { set: pushed.set, generation: pushed.generation, key_ids })
}

/// The block of the README whose fence ends with `name`.
fn example(name: &str) -> Option<&'static str> {
    let (_, rest) = include_str!("../../README.md").split_once(&format!("```{name}\n"))?;
    Some(rest.split_once("```")?.0.trim())
}

#[test]
fn the_example_of_the_readme_opens_to_what_stands_above_it() {
    let payload: Value = serde_json::from_str(example("json payload").unwrap()).unwrap();
    let expected = PushedKeys {
        set: payload["set"].as_str().unwrap().to_owned(),
        generation: payload["gen"].as_u64().unwrap(),
        not_after: UnixTime::from_secs(payload["exp"].as_i64().unwrap()),
        keys: payload["keys"].clone(),
    };
    let key = PushKey::new(b"an example key of the push format").unwrap();
    let envelope = example("text envelope").unwrap();
    let before = expected.not_after.before(std::time::Duration::from_secs(1));
    assert_eq!(open(envelope.as_bytes(), &key, before), Ok(expected.clone()));
    assert_eq!(open(seal(&expected, &key).as_bytes(), &key, before), Ok(expected));
    assert!(registry_auth::authn::keys::KeySet::from_jwks_value(&payload["keys"]).unwrap().skipped.is_empty());
}
