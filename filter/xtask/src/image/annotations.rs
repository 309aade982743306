//! What images say of themselves: the annotations of the OCI image specification.

use std::env;

use anyhow::Context;
use chrono::DateTime;

use super::descriptor::Annotations;
use crate::release;
use crate::workspace::Workspace;

/// When the content was made.
pub(crate) const CREATED: &str = "org.opencontainers.image.created";
const PREFIX: &str = "org.opencontainers.image";

/// What all images of one build share.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    /// The version of the workspace.
    pub(crate) version: String,
    /// The commit, if this is a checkout of git.
    revision: Option<String>,
    /// Seconds since 1970.
    created: i64,
}

impl Build {
    /// Reads version and commit. The time is `SOURCE_DATE_EPOCH`, else that of the commit, else
    /// 1970: never that of the build, so that two builds are equal.
    ///
    /// # Errors
    /// The version cannot be read, or `SOURCE_DATE_EPOCH` is no number.
    pub(crate) fn read(workspace: &Workspace) -> anyhow::Result<Self> {
        let git = |arguments: &[&str]| {
            let output = workspace.command("git").args(arguments).output().ok()?;
            let text = String::from_utf8(output.stdout).ok()?;
            output.status.success().then(|| text.trim().to_owned())
        };
        let created = match env::var("SOURCE_DATE_EPOCH") {
            Ok(text) => text.parse().with_context(|| {
                format!("SOURCE_DATE_EPOCH is `{text}`: write seconds since 1970")
            })?,
            Err(_) => git(&["log", "-1", "--format=%ct"])
                .and_then(|text| text.parse().ok())
                .unwrap_or_default(),
        };
        Ok(Self {
            version: release::workspace_version(workspace)?,
            revision: git(&["rev-parse", "HEAD"]),
            created,
        })
    }

    /// A build of fixed facts, for tests.
    #[cfg(test)]
    pub(crate) fn of_test() -> Self {
        Self {
            version: "1.2.3".to_owned(),
            revision: Some("0".repeat(40)),
            created: 1_700_000_000,
        }
    }

    /// Returns the time in RFC 3339.
    pub(crate) fn time(&self) -> String {
        let time = DateTime::from_timestamp(self.created, 0).unwrap_or_default();
        time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// Returns the annotations of an image.
    pub(crate) fn annotations(&self, title: &str, description: &str) -> Annotations {
        let fixed = [
            ("title", title),
            ("description", description),
            ("version", &self.version),
            ("licenses", env!("CARGO_PKG_LICENSE")),
            ("source", env!("CARGO_PKG_REPOSITORY")),
            ("url", env!("CARGO_PKG_REPOSITORY")),
            ("created", &self.time()),
        ];
        let mut annotations: Annotations = fixed
            .into_iter()
            .map(|(name, value)| (format!("{PREFIX}.{name}"), value.to_owned()))
            .collect();
        if let Some(revision) = &self.revision {
            annotations.insert(format!("{PREFIX}.revision"), revision.clone());
        }
        annotations
    }
}
