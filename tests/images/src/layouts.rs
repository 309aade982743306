//! The layouts of `target/images`.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::programs::path;

/// The names of all layouts.
pub(crate) const NAMES: [&str; 6] = [
    "module",
    "module-oci",
    "module-docker",
    "module-artifact",
    "module-wasm",
    "registry-auth",
];
/// The version in the layouts.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A layout.
pub(crate) struct Layout {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// The digest of what is tagged.
    pub(crate) digest: String,
    /// The digests of manifests that refer to it.
    pub(crate) referrers: Vec<String>,
}

impl Layout {
    /// Reads a layout.
    pub(crate) fn read(name: &str) -> Self {
        let folder = path("target/images").join(name);
        let index = fs::read(folder.join("index.json"))
            .unwrap_or_else(|error| panic!("{name}: {error}: run `cargo xtask image`"));
        let index: Value = serde_json::from_slice(&index).expect("JSON");
        let mut layout = Self {
            folder,
            digest: String::new(),
            referrers: Vec::new(),
        };
        for manifest in index["manifests"].as_array().expect("manifests") {
            let digest = manifest["digest"].as_str().expect("a digest").to_owned();
            if manifest["annotations"]["org.opencontainers.image.ref.name"] == VERSION {
                layout.digest = digest;
            } else if layout.json(manifest)["subject"]["digest"] == layout.digest.as_str() {
                layout.referrers.push(digest);
            }
        }
        assert!(!layout.digest.is_empty(), "{name} has no {VERSION}");
        layout
    }

    /// Returns the document that a descriptor is of.
    pub(crate) fn json(&self, descriptor: &Value) -> Value {
        serde_json::from_slice(&self.blob(descriptor)).expect("JSON")
    }

    /// Returns the content that a descriptor is of.
    pub(crate) fn blob(&self, descriptor: &Value) -> Vec<u8> {
        let digest = descriptor["digest"].as_str().expect("a digest");
        fs::read(self.folder.join("blobs").join(digest.replace(':', "/"))).expect("a blob")
    }

    /// Returns the document of what is tagged.
    pub(crate) fn tagged(&self) -> Value {
        self.json(&serde_json::json!({"digest": self.digest}))
    }

    /// Returns the name of the layout and what is tagged in it, for clients.
    pub(crate) fn reference(&self) -> String {
        format!("{}:{VERSION}", self.folder.display())
    }
}
