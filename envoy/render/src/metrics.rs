//! The labels of the filter's metrics.

/// Their names. In the names of metrics a label is `LABEL=.=VALUE;.;`, which is Istio's form too.
pub(crate) const LABELS: [&str; 11] = [
    "decision", "reason", "provider", "action", "source", "plugin", "outcome", "stage", "result",
    "policy", "kind",
];
