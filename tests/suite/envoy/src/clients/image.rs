//! What the clients push: an image in an OCI layout, and a chart.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// An OCI layout (image-spec 1.1) with one image, tagged `1`.
pub(crate) struct Layout {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// The digest of the manifest.
    pub(super) digest: String,
    /// The file of the layer.
    pub(super) layer: PathBuf,
}

/// Writes the layout.
pub(crate) fn write_layout(folder: PathBuf) -> Result<Layout> {
    fs::create_dir_all(folder.join("blobs/sha256"))?;
    // Blocks of zeros are an empty tar archive.
    let layer = blob(&folder, LAYER, &[0; 4096])?;
    let contents = digest_of(&layer)?;
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [contents]},
        "history": [{"created_by": "registry-auth's tests"}],
    });
    let config = blob(&folder, CONFIG, config.to_string().as_bytes())?;
    let manifest =
        json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
    let mut manifest = blob(&folder, MANIFEST, manifest.to_string().as_bytes())?;
    let digest = digest_of(&manifest)?;
    if let Value::Object(members) = &mut manifest {
        members.insert(
            "annotations".to_owned(),
            json!({"org.opencontainers.image.ref.name": "1"}),
        );
    }
    fs::write(
        folder.join("oci-layout"),
        json!({"imageLayoutVersion": "1.0.0"}).to_string(),
    )?;
    fs::write(
        folder.join("index.json"),
        json!({"schemaVersion": 2, "manifests": [manifest]}).to_string(),
    )?;
    let layer = folder.join("blobs").join(contents.replace(':', "/"));
    Ok(Layout {
        folder,
        digest,
        layer,
    })
}

fn digest_of(descriptor: &Value) -> Result<String> {
    Ok(descriptor
        .get("digest")
        .and_then(Value::as_str)
        .context("a descriptor has a digest")?
        .to_owned())
}

/// Writes a blob; returns its descriptor.
fn blob(folder: &Path, media_type: &str, bytes: &[u8]) -> Result<Value> {
    let hex = digest(&SHA256, bytes)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat();
    fs::write(folder.join("blobs/sha256").join(&hex), bytes)?;
    Ok(json!({"mediaType": media_type, "digest": format!("sha256:{hex}"), "size": bytes.len()}))
}

/// Writes the least that is a Helm chart.
pub(super) fn write_chart(folder: &Path, name: &str) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(
        folder.join("Chart.yaml"),
        format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n"),
    )?;
    Ok(())
}
