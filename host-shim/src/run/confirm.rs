//! What Envoy says of the files that it has read. Pure: reads the text of its page `/stats`.

use std::collections::BTreeMap;

/// The page of the admin interface that [`Subscriptions::read`] reads.
pub(crate) const PAGE: &str =
    "/stats?filter=(version_text|update_rejected|update_failure|_warming|warming_clusters)$";

/// The files that Envoy confirms, and how the names of their counters begin.
const FILES: [(&str, &str); 4] = [
    ("clusters.yaml", "cluster_manager.cds"),
    (
        "filter.yaml",
        "extension_config_discovery.http_filter.registry-auth",
    ),
    (
        "intake.yaml",
        "extension_config_discovery.http_filter.registry-auth-intake",
    ),
    ("listeners.yaml", "listener_manager.lds"),
];
/// Gauges of what is accepted and waits for something else.
const WARMING: [&str; 2] = [
    "listener_manager.total_listeners_warming",
    "cluster_manager.warming_clusters",
];

/// What Envoy says of all files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subscriptions {
    versions: BTreeMap<&'static str, String>,
    refusals: BTreeMap<&'static str, u64>,
    warming: u64,
}

/// How a file fares in Envoy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reception {
    /// Envoy uses it.
    Accepted,
    /// Envoy has refused a version since.
    Refused,
    /// Neither yet.
    Unread,
}

/// Returns true if Envoy confirms the file of this name.
pub(crate) fn is_confirmed(name: &str) -> bool {
    FILES.iter().any(|(file, _)| *file == name)
}

impl Subscriptions {
    /// Reads the text of [`PAGE`].
    pub(crate) fn read(text: &str) -> Self {
        let values: BTreeMap<&str, &str> = text
            .lines()
            .filter_map(|line| line.split_once(": "))
            .collect();
        let value = |name: &str| values.get(name).copied();
        let count = |name: &str| {
            value(name)
                .and_then(|value| value.trim().parse::<u64>().ok())
                .unwrap_or(0)
        };
        let mut read = Self {
            warming: WARMING.iter().map(|name| count(name)).sum(),
            ..Self::default()
        };
        for (file, prefix) in FILES {
            if let Some(version) = value(&format!("{prefix}.version_text")) {
                let version = version.trim().trim_matches('"').to_owned();
                read.versions.insert(file, version);
            }
            let refusals = count(&format!("{prefix}.update_rejected"))
                + count(&format!("{prefix}.update_failure"));
            read.refusals.insert(file, refusals);
        }
        read
    }

    /// Returns how `version` of a file fares, where `before` was said before it was written.
    pub(crate) fn reception(&self, file: &str, version: u64, before: &Self) -> Reception {
        let refusals = |of: &Self| of.refusals.get(file).copied().unwrap_or(0);
        if self.has(file, version) {
            Reception::Accepted
        // An Envoy that has restarted counts from 0, and reads the file at its start.
        } else if refusals(self) > refusals(before) {
            Reception::Refused
        } else {
            Reception::Unread
        }
    }

    /// Returns true if Envoy uses `version` of a file.
    pub(crate) fn has(&self, file: &str, version: u64) -> bool {
        self.versions
            .get(file)
            .is_some_and(|used| *used == version.to_string())
    }

    /// Returns true if a listener or cluster is accepted, and waits for names or certificates.
    pub(crate) const fn is_warming(&self) -> bool {
        self.warming > 0
    }
}

#[cfg(test)]
mod tests {
    use registry_auth_render::envoy::ORDER;

    use super::*;

    #[test]
    fn each_file_that_envoy_reads_is_confirmed() {
        for name in ORDER.iter().filter(|name| !name.starts_with("secret")) {
            assert!(is_confirmed(name), "{name}");
        }
        assert!(!is_confirmed("bootstrap.yaml"));
    }

    #[test]
    fn a_file_is_accepted_by_its_version_and_refused_by_a_counter() {
        let before = Subscriptions::read(
            "listener_manager.lds.version_text: \"1\"\nlistener_manager.lds.update_rejected: 1\nlistener_manager.lds.update_failure: 0\n",
        );
        let rows = [
            (
                "version_text: \"2\"",
                "update_rejected: 1",
                Reception::Accepted,
            ),
            (
                "version_text: \"1\"",
                "update_rejected: 1",
                Reception::Unread,
            ),
            (
                "version_text: \"1\"",
                "update_rejected: 2",
                Reception::Refused,
            ),
            (
                "version_text: \"12\"",
                "update_failure: 3",
                Reception::Refused,
            ),
            // It has restarted.
            (
                "version_text: \"\"",
                "update_rejected: 0",
                Reception::Unread,
            ),
        ];
        for (version, count, expected) in rows {
            let text = format!("listener_manager.lds.{version}\nlistener_manager.lds.{count}\n");
            let now = Subscriptions::read(&text);
            assert_eq!(
                now.reception("listeners.yaml", 2, &before),
                expected,
                "{text}"
            );
        }
        assert_eq!(
            Subscriptions::read("").reception("filter.yaml", 1, &Subscriptions::default()),
            Reception::Unread
        );
    }

    #[test]
    fn warming_listeners_and_clusters_are_both_seen() {
        for (text, expected) in [
            ("listener_manager.total_listeners_warming: 0\n", false),
            ("listener_manager.total_listeners_warming: 1\n", true),
            ("cluster_manager.warming_clusters: 2\n", true),
            ("", false),
        ] {
            assert_eq!(Subscriptions::read(text).is_warming(), expected, "{text}");
        }
    }
}
