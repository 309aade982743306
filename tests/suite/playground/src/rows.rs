//! Rows of `tests/scenarios` as questions to the page, and what the same code answers natively.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use registry_auth_engine::UnixTime;
use registry_auth_harness::client::{Body, Request};
use registry_auth_harness::key;
use registry_auth_harness::scenario::Scenarios;
use registry_auth_playground::Workbench;
use serde_json::{Value, json};

/// The moment of all decisions.
const NOW: i64 = 1_800_000_000;

/// The test keys, those that nobody publishes too.
const KEYS: [&str; 16] = [
    "rs256",
    "rs384",
    "rs512",
    "ps256",
    "ps384",
    "ps512",
    "es256",
    "es384",
    "es512",
    "eddsa",
    "other-rs256",
    "other-es256",
    "other-eddsa",
    "stray-rs256",
    "stray-es256",
    "stray-eddsa",
];

/// Of the rows of a configuration the first is taken, and then each of this number: all take minutes.
const EACH: usize = 4;

/// Returns the rows: a configuration, a question about it, and the answers to both.
pub(crate) fn all() -> Result<Vec<Value>> {
    // Whoever has signed a token, its key is known.
    let keys = key::jwks(&KEYS)?.to_string();
    let mut rows = Vec::new();
    let mut seen = BTreeSet::new();
    let mut configs = BTreeSet::new();
    for file in Scenarios::all()? {
        for row in &file.rows {
            let config = file.configs.get(&row.config).context("a configuration")?;
            let request = file.request(row, UnixTime::from_secs(NOW))?;
            let Some(question) = question(&request, &keys) else {
                continue;
            };
            let load = json!({ "text": config.plugin.to_string(), "format": "json" });
            if !seen.insert((load.to_string(), question.to_string())) {
                continue;
            }
            // What is wrong with it is asked once for each configuration.
            let check = json!({ "text": config.plugin.to_string(), "format": "json", "now": NOW });
            let is_first = configs.insert(check.to_string());
            if !is_first && !seen.len().is_multiple_of(EACH) {
                continue;
            }
            let found = if is_first {
                serde_json::from_str(&Workbench::default().check(&check.to_string()))?
            } else {
                Value::Null
            };
            let mut workbench = Workbench::default();
            let checked: Value = serde_json::from_str(&workbench.load(&load.to_string()))?;
            let decided: Value = serde_json::from_str(&workbench.decide(&question.to_string()))?;
            rows.push(json!({
                "name": format!("{}: {}", file.name, row.name),
                "load": load, "question": question, "checked": checked, "decided": decided,
                "check": check, "found": found,
            }));
        }
    }
    Ok(rows)
}

/// The question of a request; nothing if the page has no words for it.
fn question(request: &Request, keys: &str) -> Option<Value> {
    let target = std::str::from_utf8(&request.target).ok()?;
    if target.contains(char::is_whitespace) || request.body != Body::None {
        return None;
    }
    let credentials: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        .collect();
    let who = match (credentials.as_slice(), &request.certificate) {
        ([], None) => json!({ "kind": "anonymous" }),
        ([], Some(pem)) => json!({ "kind": "certificate", "pem": pem }),
        ([(_, value)], _) => {
            let token = std::str::from_utf8(value).ok()?;
            json!({ "kind": "token", "token": token, "jwks": keys })
        }
        _ => return None,
    };
    Some(json!({
        "who": who,
        "words": format!("{} {target}", request.method),
        "tagExists": null,
        "now": NOW,
    }))
}
