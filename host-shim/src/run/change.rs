//! Which files a change replaces, and in which order. Pure.

use std::collections::BTreeMap;

use registry_auth_render::envoy::ORDER;

/// The files of a configuration of Envoy, by their names.
pub(crate) type Files = BTreeMap<String, String>;

/// Returns the names of files that are new or have changed, in the order in which Envoy has to get
/// them.
pub(crate) fn changed(old: &Files, new: &Files) -> Vec<String> {
    let mut names: Vec<_> = new
        .iter()
        .filter(|(name, text)| old.get(*name) != Some(text))
        .map(|(name, _)| name.clone())
        .collect();
    names.sort_by_key(|name| {
        let place = ORDER.iter().position(|start| name.starts_with(start));
        place.unwrap_or(ORDER.len())
    });
    names
}

/// Returns the names of files that are no longer there.
pub(crate) fn gone(old: &Files, new: &Files) -> Vec<String> {
    old.keys()
        .filter(|name| !new.contains_key(*name))
        .cloned()
        .collect()
}

/// Returns the text of a discovery file with its version, which Envoy reports back.
pub(crate) fn versioned(text: &str, version: u64) -> String {
    format!("version_info: \"{version}\"\n{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_come_before_filters_and_listeners_last() {
        let files = |entries: &[(&str, &str)]| -> Files {
            entries
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect()
        };
        let old = files(&[
            ("clusters.yaml", "1"),
            ("filter.yaml", "1"),
            ("listeners.yaml", "1"),
            ("secret-server.yaml", "1"),
        ]);
        let new = files(&[
            ("clusters.yaml", "2"),
            ("filter.yaml", "2"),
            ("intake.yaml", "1"),
            ("listeners.yaml", "2"),
            ("secret-clients.yaml", "1"),
        ]);
        let expected = [
            "secret-clients.yaml",
            "clusters.yaml",
            "filter.yaml",
            "intake.yaml",
            "listeners.yaml",
        ];
        assert_eq!(changed(&old, &new), expected);
        assert_eq!(gone(&old, &new), ["secret-server.yaml"]);
        assert!(changed(&new, &new).is_empty() && gone(&new, &new).is_empty());
    }
}
