//! OCI image layouts: folders that registries' clients push (OCI image specification, image layout).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;
use serde_json::json;

use super::descriptor::{Descriptor, INDEX};

/// The annotation of a descriptor in `index.json` by which clients find it.
const REFERENCE: &str = "org.opencontainers.image.ref.name";

/// A layout that is being written.
#[derive(Debug)]
pub(crate) struct Layout {
    folder: PathBuf,
    entries: Vec<Descriptor>,
}

impl Layout {
    /// Begins an empty layout; what is in the folder is removed.
    ///
    /// # Errors
    /// The folder cannot be replaced.
    pub(crate) fn create(folder: &Path) -> anyhow::Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)
                .with_context(|| format!("cannot remove the old `{}`", folder.display()))?;
        }
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs)
            .with_context(|| format!("cannot create `{}`", blobs.display()))?;
        Ok(Self {
            folder: folder.to_owned(),
            entries: Vec::new(),
        })
    }

    /// Stores content, and returns its descriptor.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn blob(&self, media_type: &str, content: &[u8]) -> anyhow::Result<Descriptor> {
        let descriptor = Descriptor::of(media_type, content);
        let path = self
            .folder
            .join("blobs")
            .join(descriptor.digest.replace(':', "/"));
        fs::write(&path, content).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(descriptor)
    }

    /// Stores a JSON document, and returns its descriptor.
    ///
    /// # Errors
    /// As [`Self::blob`].
    pub(crate) fn json(
        &self,
        media_type: &str,
        document: &impl Serialize,
    ) -> anyhow::Result<Descriptor> {
        self.blob(media_type, &serde_json::to_vec(document)?)
    }

    /// Enters a manifest by the name that clients ask for.
    pub(crate) fn tag(&mut self, manifest: Descriptor, tag: &str) {
        self.entries.push(manifest.annotated(REFERENCE, tag));
    }

    /// Enters a manifest that only refers to another.
    pub(crate) fn referrer(&mut self, manifest: Descriptor) {
        self.entries.push(manifest);
    }

    /// Writes what makes the folder a layout.
    ///
    /// # Errors
    /// As [`Self::blob`].
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let index = json!({
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": self.entries,
        });
        let version = json!({"imageLayoutVersion": "1.0.0"});
        for (name, document) in [("index.json", index), ("oci-layout", version)] {
            let path = self.folder.join(name);
            fs::write(&path, serde_json::to_vec(&document)?)
                .with_context(|| format!("cannot write `{}`", path.display()))?;
        }
        Ok(())
    }
}
