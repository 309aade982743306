//! Manifests, the configurations of images, and indexes.

use serde_json::{Value, json};

use super::descriptor::{
    Annotations, CONFIG, DOCKER_CONFIG, DOCKER_LAYER, DOCKER_MANIFEST, Descriptor, EMPTY, INDEX,
    LAYER, MANIFEST, Platform,
};
use super::layer::Layer;
use super::layout::Layout;

/// The media types of one kind of image.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// That of the OCI.
    Oci,
    /// That of Docker, schema 2.
    Docker,
}

impl Kind {
    fn media_types(self) -> [&'static str; 3] {
        match self {
            Self::Oci => [MANIFEST, CONFIG, LAYER],
            Self::Docker => [DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER],
        }
    }
}

/// An image of one platform: its layers, lowest first, and how it is started.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// The layers.
    pub(crate) layers: Vec<Layer>,
    /// Where it runs.
    pub(crate) platform: Platform,
    /// `config` of the image's configuration: user, entry point, environment.
    pub(crate) config: Value,
}

impl Image {
    /// Stores the image, and returns the descriptor of its manifest. The time of creation is
    /// that of the annotations.
    ///
    /// # Errors
    /// As [`Layout::blob`].
    pub(crate) fn store(
        &self,
        layout: &Layout,
        kind: Kind,
        annotations: &Annotations,
    ) -> anyhow::Result<Descriptor> {
        let [manifest, config, layer] = kind.media_types();
        let layers = self.layers.iter();
        let layers = layers
            .map(|each| layout.blob(layer, &each.compressed))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let diff_ids: Vec<&str> = self
            .layers
            .iter()
            .map(|layer| layer.diff_id.as_str())
            .collect();
        let mut document = json!({
            "architecture": self.platform.architecture,
            "os": self.platform.os,
            "config": self.config,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        if let (Some(document), Some(created)) = (
            document.as_object_mut(),
            annotations.get(super::annotations::CREATED),
        ) {
            document.insert("created".to_owned(), json!(created));
        }
        let config = layout.json(config, &document)?;
        let document = json!({
            "schemaVersion": 2,
            "mediaType": manifest,
            "config": config,
            "layers": layers,
        });
        let described = layout.json(manifest, &with(document, annotations))?;
        Ok(described.on(&self.platform))
    }
}

/// Stores an artifact with a configuration and layers of its own, and returns the descriptor of its
/// manifest. Without a configuration it has the empty one.
///
/// # Errors
/// As [`Layout::blob`].
pub(crate) fn artifact(
    layout: &Layout,
    artifact_type: Option<&str>,
    config: Option<Descriptor>,
    layers: &[Descriptor],
    annotations: &Annotations,
) -> anyhow::Result<Descriptor> {
    let config = match config {
        Some(config) => config,
        None => layout.blob(EMPTY, b"{}")?,
    };
    let mut document = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config,
        "layers": layers,
    });
    if let (Some(document), Some(artifact_type)) = (document.as_object_mut(), artifact_type) {
        document.insert("artifactType".to_owned(), json!(artifact_type));
    }
    layout.json(MANIFEST, &with(document, annotations))
}

/// Stores an artifact that says something of another manifest (OCI image specification, `subject`).
///
/// # Errors
/// As [`Layout::blob`].
pub(crate) fn referrer(
    layout: &Layout,
    subject: &Descriptor,
    artifact_type: &str,
    content: &[u8],
    annotations: &Annotations,
) -> anyhow::Result<Descriptor> {
    let subject = Descriptor {
        platform: None,
        annotations: Annotations::new(),
        ..subject.clone()
    };
    let document = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact_type,
        "config": layout.blob(EMPTY, b"{}")?,
        "layers": [layout.blob(artifact_type, content)?],
        "subject": subject,
    });
    let mut described = layout.json(MANIFEST, &with(document, annotations))?;
    described.artifact_type = Some(artifact_type.to_owned());
    Ok(described)
}

/// Stores an index of images for several platforms.
///
/// # Errors
/// As [`Layout::blob`].
pub(crate) fn index(
    layout: &Layout,
    images: &[Descriptor],
    annotations: &Annotations,
) -> anyhow::Result<Descriptor> {
    let document = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": images});
    layout.json(INDEX, &with(document, annotations))
}

fn with(mut document: Value, annotations: &Annotations) -> Value {
    if let Some(document) = document.as_object_mut()
        && !annotations.is_empty()
    {
        document.insert("annotations".to_owned(), json!(annotations));
    }
    document
}
