//! Descriptors of the OCI image specification, and the media types in them.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// An OCI image index.
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// An OCI image manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The configuration of an OCI image.
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// A layer of an OCI image.
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// The configuration of an artifact that has none.
pub(crate) const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// A Docker image manifest, schema 2.
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// The configuration of a Docker image.
pub(crate) const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// A layer of a Docker image.
pub(crate) const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// A software bill of materials in CycloneDX's JSON.
pub(crate) const SBOM: &str = "application/vnd.cyclonedx+json";

/// Annotations of a manifest or descriptor.
pub(crate) type Annotations = BTreeMap<String, String>;

/// Content that is named by its digest (OCI image specification, descriptor).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    /// What the content is.
    pub(crate) media_type: String,
    /// Its SHA-256, `sha256:HEX`.
    pub(crate) digest: String,
    /// Its length in bytes.
    pub(crate) size: usize,
    /// Where an image runs; only in an index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<Platform>,
    /// What an artifact is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    /// Annotations, by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: Annotations,
}

/// The system that an image is for, in the terms of Go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Platform {
    /// The processor.
    pub(crate) architecture: String,
    /// The operating system.
    pub(crate) os: String,
}

impl Descriptor {
    /// Returns the descriptor of some content.
    pub(crate) fn of(media_type: &str, content: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: digest(content),
            size: content.len(),
            platform: None,
            artifact_type: None,
            annotations: Annotations::new(),
        }
    }

    /// Returns the descriptor with a platform.
    pub(crate) fn on(mut self, platform: &Platform) -> Self {
        self.platform = Some(platform.clone());
        self
    }

    /// Returns the descriptor with an annotation.
    pub(crate) fn annotated(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.to_owned());
        self
    }
}

impl Platform {
    /// Returns Linux on a processor.
    pub(crate) fn linux(architecture: &str) -> Self {
        Self {
            architecture: architecture.to_owned(),
            os: "linux".to_owned(),
        }
    }
}

/// Returns the digest of some content, `sha256:HEX`.
pub(crate) fn digest(content: &[u8]) -> String {
    let hash = Sha256::digest(content);
    let digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let hex: String = digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_specification() {
        // OCI image specification, "Guidance for an Empty Descriptor".
        assert_eq!(
            digest(b"{}"),
            "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
        let descriptor = Descriptor::of(EMPTY, b"{}").on(&Platform::linux("arm64"));
        let json = serde_json::to_value(descriptor).unwrap();
        assert_eq!(json["size"], 2);
        assert_eq!(json["mediaType"], EMPTY);
        assert_eq!(
            json["platform"],
            serde_json::json!({"architecture": "arm64", "os": "linux"})
        );
        assert!(json.get("annotations").is_none());
    }
}
