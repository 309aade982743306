//! Opens envelopes as the filter does, and checks the examples of the README.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use registry_auth_engine::keys::envelope::{
    NONCE_LENGTH, PushKey, PushRequest, PushResponse, PushedKeys, open, pieces, seal,
};
use registry_auth_engine::keys::{KeySet, SigningKey};
use registry_auth_engine::time::UnixTime;
use serde_json::Value;

use crate::intake::PUSH_KEY;

/// The content of an envelope.
pub(crate) struct Pushed {
    pub(crate) set: String,
    pub(crate) generation: u64,
    pub(crate) key_ids: Vec<String>,
}

/// Opens an envelope with the push key of the tests at the current time.
pub(crate) fn opened(body: &[u8]) -> anyhow::Result<Pushed> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let pushed = open(
        body,
        &PushKey::new(PUSH_KEY.as_bytes())?,
        UnixTime::from_secs(now.as_secs().try_into()?),
    )?;
    let keys = pushed
        .keys
        .get("keys")
        .and_then(Value::as_array)
        .context("no keys")?;
    let key_id = |key: &Value| key.get("kid").and_then(Value::as_str).map(str::to_owned);
    let key_ids = keys
        .iter()
        .map(|key| key_id(key).context("no kid"))
        .collect::<anyhow::Result<_>>()?;
    let private = keys.iter().filter(|key| key.get("d").is_some()).count();
    anyhow::ensure!(
        private == usize::from(pushed.is_signing()),
        "{private} private keys in `{}`",
        pushed.set
    );
    Ok(Pushed {
        set: pushed.set,
        generation: pushed.generation,
        key_ids,
    })
}

/// Returns the code block of the README with the info string `name`.
fn example(name: &str) -> anyhow::Result<&'static str> {
    let block = include_str!("../../README.md").split_once(&format!("```{name}\n"));
    let (_, rest) = block.with_context(|| format!("there is no `{name}`"))?;
    Ok(rest.split_once("```").context("no end")?.0.trim())
}

fn json(name: &str) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(example(name)?)?)
}

fn key() -> anyhow::Result<PushKey> {
    Ok(PushKey::new(b"an example key of the push format")?)
}

/// Returns the set that an example of the README describes; in a private set the keys are in
/// another block.
fn pushed(payload: &Value, keys: &Value) -> anyhow::Result<PushedKeys> {
    Ok(PushedKeys {
        set: payload["set"].as_str().context("no set")?.to_owned(),
        generation: payload["gen"].as_u64().context("no generation")?,
        not_after: UnixTime::from_secs(payload["exp"].as_i64().context("no end")?),
        keys: keys.clone(),
    })
}

#[test]
fn the_examples_of_envelopes_in_the_readme_hold_what_stands_above_them() {
    let payload = json("json payload").unwrap();
    let public = pushed(&payload, &payload["keys"]).unwrap();
    let payload = json("json private-payload").unwrap();
    let private = pushed(&payload, &json("json private-keys").unwrap()).unwrap();
    assert!(
        KeySet::from_jwks_value(&public.keys)
            .unwrap()
            .skipped
            .is_empty()
    );
    SigningKey::from_jwks_value(&private.keys).unwrap();
    let mut nonce = [0; NONCE_LENGTH];
    for (byte, index) in nonce.iter_mut().zip(0..) {
        *byte = index;
    }
    let key = key().unwrap();
    for (name, expected) in [
        ("text envelope", public),
        ("text private-envelope", private),
    ] {
        let envelope = example(name).unwrap();
        assert_eq!(seal(&expected, &key, &nonce), envelope, "{name}");
        let before = expected.not_after.before(Duration::from_secs(1));
        assert_eq!(
            open(envelope.as_bytes(), &key, before),
            Ok(expected),
            "{name}"
        );
    }
}

#[test]
fn the_pieces_of_the_readme_are_the_envelope_before_them() {
    let lines = example("text pieces").unwrap().lines();
    let values: Vec<_> = lines
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            assert_eq!(name, pieces::FIELD);
            value.as_bytes()
        })
        .collect();
    let joined = pieces::join(values.into_iter()).unwrap().unwrap();
    let said = format!("`{}` in three pieces", String::from_utf8(joined).unwrap());
    assert!(include_str!("../../README.md").contains(&said), "{said}");
}

#[test]
fn the_exchange_of_the_readme_proves_the_push_key() {
    let (key, payload) = (key().unwrap(), json("json request").unwrap());
    let at = UnixTime::from_secs(payload["at"].as_i64().unwrap());
    let set = payload["set"].as_str().unwrap().to_owned();
    let request = PushRequest {
        set,
        nonce: (0..32).collect(),
        at,
        generation: None,
    };
    let text = example("text request").unwrap();
    assert_eq!(request.sign(&key), text);
    assert_eq!(
        PushRequest::verify(text.as_bytes(), &key, at),
        Ok(request.clone())
    );

    let payload = json("json response").unwrap();
    let generation = payload["gen"].as_u64().unwrap();
    let response = PushResponse {
        status: 200,
        generation,
        wanted: false,
        reads_bodies: true,
        error: None,
    };
    let text = example("text response").unwrap();
    assert_eq!(response.sign(&request, &key), text);
    assert_eq!(
        PushResponse::verify(text.as_bytes(), 200, &request, &key),
        Ok(response)
    );
}
