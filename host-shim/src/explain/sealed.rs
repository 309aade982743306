//! The record that a client was given with a refusal.

use std::io::Read as _;

use anyhow::{Context as _, bail};
use registry_auth_engine::authz::named;
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::engine::Simulated;
use registry_auth_engine::keys::envelope::PushKey;
use registry_auth_engine::reason::Reason;
use registry_auth_engine::record::{MAX_SEALED, open};
use registry_auth_policy::{plain, show};
use registry_auth_render::PUSH_KEY;
use serde_json::{Map, Value};

/// The longest text that is searched for a record, in bytes.
const MAX_TEXT: u64 = 64 * 1024;

/// The shortest run of characters that may be one: its nonce and its tag.
const MIN_SEALED: usize = 54;

/// The members that are shown, in this order.
const MEMBERS: [&str; 14] = [
    "time",
    "policy",
    "rule",
    "expression",
    "cause",
    "user",
    "issuer",
    "groups",
    "action",
    "repository",
    "reference",
    "tagExists",
    "id",
    "cut",
];

/// Opens the record in a text: `detail.trace` alone, or all that a client has printed; `-` is
/// standard input.
///
/// # Errors
/// The push key of the configuration is not in the environment, or opens nothing in the text.
pub(super) fn read(text: &str, document: &Document) -> anyhow::Result<Map<String, Value>> {
    let text = match text {
        "-" => {
            let mut text = String::new();
            let mut input = std::io::stdin().lock().take(MAX_TEXT);
            input.read_to_string(&mut text).context("standard input")?;
            text
        }
        text => text.to_owned(),
    };
    let variable = document.proxy.push_key.as_ref();
    let variable = variable.map_or(PUSH_KEY, |from| from.env.as_str());
    let key = std::env::var_os(variable).with_context(|| {
        format!("the environment variable `{variable}` has to hold the push key of the proxy that refused")
    })?;
    let key = PushKey::new(key.as_encoded_bytes()).with_context(|| format!("`{variable}`"))?;
    let is_part = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    let mut runs = text.split(|character| !is_part(character));
    let opened = runs
        .by_ref()
        .filter(|run| (MIN_SEALED..=MAX_SEALED).contains(&run.len()))
        .find_map(|run| open(run, &key));
    let Some(Value::Object(record)) = opened else {
        bail!(
            "nothing in the text is a record that the push key in `{variable}` opens: it has to be the key of the proxy that refused, and `detail.trace` has to be complete"
        );
    };
    Ok(record)
}

/// The record in lines, the refusal first.
pub(super) fn text(record: &Map<String, Value>) -> String {
    let said = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    let reason = Reason::ALL
        .iter()
        .find(|reason| reason.descriptor().label == said("reason"));
    let mut text = match reason {
        Some(reason) => show::verdict(&Simulated::Refused(*reason, None)),
        None => format!("REFUSED: {}", said("reason")),
    };
    text.push('\n');
    for (name, value) in MEMBERS
        .iter()
        .filter_map(|name| Some((*name, record.get(*name)?)))
    {
        let value = match value {
            Value::String(value) => value.clone(),
            Value::Object(rule) if name == "rule" => {
                let part = |name| rule.get(name).and_then(Value::as_str);
                let place = part("path").or_else(|| part("pattern"));
                named(place.unwrap_or_default(), part("name"))
            }
            Value::Array(values) => {
                let texts = values.iter().filter_map(Value::as_str);
                texts.collect::<Vec<_>>().join(", ")
            }
            // There was no room for everything.
            Value::Bool(true) if name == "cut" => {
                "the record is longer: see the log of the proxy".to_owned()
            }
            other => other.to_string(),
        };
        text.push_str(&plain::line(format!("{name:<11}{value}").trim_end()));
        text.push('\n');
    }
    text
}
