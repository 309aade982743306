//! Labels of metrics: Envoy takes them out of the names that the filter gives its metrics.

use serde_json::{Value, json};

use crate::metrics::LABELS;
use crate::node::{Member, map, member};

/// The plugin whose VM is loaded again, which is a part of Envoy's own names.
const RELOADED: (&str, &str) = ("wasm_plugin", r"^wasm\.((.+?)\.)vm_reload");

/// Returns what makes labels of metrics, the value of `stats_tags`.
#[must_use]
pub fn tags() -> Value {
    let labels = LABELS.iter().map(|label| {
        let regex = format!(r"^wasmcustom\.registry_auth\..*?({label}=\.=(.*?);\.;)");
        json!({ "tag_name": label, "regex": regex })
    });
    let reloaded = json!({ "tag_name": RELOADED.0, "regex": RELOADED.1 });
    labels.chain([reloaded]).collect()
}

/// The member of the bootstrap.
pub(super) fn config() -> Member {
    member("stats_config", map([member("stats_tags", tags())])).why(
        "Labels of the metrics on /stats/prometheus: the filter writes them into the names, as LABEL=.=VALUE;.; in front of the last part.",
    )
}
