//! Opens envelopes as the filter does.

use serde_json::Value;

/// What was in an envelope.
pub(crate) struct Pushed {
    pub(crate) generation: u64,
    pub(crate) key_ids: Vec<String>,
}

/// STAND-IN until the engine opens envelopes.
pub(crate) fn open(body: &[u8]) -> anyhow::Result<Pushed> {
    let value: Value = serde_json::from_slice(body)?;
    let keys = value["keys"]["keys"].as_array().cloned().unwrap_or_default();
    Ok(Pushed {
        generation: value["generation"].as_u64().unwrap_or_default(),
        key_ids: keys.iter().map(|key| key["kid"].as_str().unwrap_or_default().to_owned()).collect(),
    })
}
