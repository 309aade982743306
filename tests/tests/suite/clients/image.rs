//! What the clients push: an image in an OCI layout, and a chart.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Writes an OCI layout (image-spec 1.1) with one image, tagged `1`; returns the digest of its manifest.
pub(super) fn write_layout(folder: &Path) -> Result<String> {
    fs::create_dir_all(folder.join("blobs/sha256"))?;
    // Blocks of zeros are an empty tar archive.
    let layer = blob(folder, LAYER, &[0; 4096])?;
    let contents = layer.get("digest").context("a descriptor has a digest")?;
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [contents]},
        "history": [{"created_by": "registry-auth's tests"}],
    });
    let config = blob(folder, CONFIG, config.to_string().as_bytes())?;
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]});
    let mut manifest = blob(folder, MANIFEST, manifest.to_string().as_bytes())?;
    let digest = manifest.get("digest").and_then(Value::as_str).context("a descriptor has a digest")?.to_owned();
    if let Value::Object(members) = &mut manifest {
        members.insert("annotations".to_owned(), json!({"org.opencontainers.image.ref.name": "1"}));
    }
    fs::write(folder.join("oci-layout"), json!({"imageLayoutVersion": "1.0.0"}).to_string())?;
    fs::write(folder.join("index.json"), json!({"schemaVersion": 2, "manifests": [manifest]}).to_string())?;
    Ok(digest)
}

/// Writes a blob; returns its descriptor.
fn blob(folder: &Path, media_type: &str, bytes: &[u8]) -> Result<Value> {
    let hex = digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    fs::write(folder.join("blobs/sha256").join(&hex), bytes)?;
    Ok(json!({"mediaType": media_type, "digest": format!("sha256:{hex}"), "size": bytes.len()}))
}

/// Writes the least that is a Helm chart.
pub(super) fn write_chart(folder: &Path, name: &str) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("Chart.yaml"), format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n"))?;
    Ok(())
}
