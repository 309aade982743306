//! The module in the forms that hosts load, each a layout of its own.

use std::path::Path;

use serde_json::json;

use super::annotations::Build;
use super::descriptor::{Annotations, Descriptor, Platform, SBOM};
use super::layer::Files;
use super::layout::Layout;
use super::manifest::{self, Image, Kind};

/// The file in an image that Istio, Envoy Gateway and others take as the module.
const PLUGIN: &str = "plugin.wasm";
const TITLE: &str = "registry-auth module";
const DESCRIPTION: &str =
    "proxy-wasm filter that authenticates and authorizes requests to container registries";

/// The processors whose nodes load the module; its code is the same for each.
const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];

/// A form of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// An index of OCI images, one for each processor.
    Index,
    /// An OCI image with the file `plugin.wasm` ("compat").
    Oci,
    /// The same with the media types of Docker.
    Docker,
    /// An artifact with the module as it is, and what it is for, as two layers.
    Artifact,
    /// The artifact of the CNCF's working group on WebAssembly.
    Wasm,
}

/// All forms, with the names of their layouts. The first is the one for everybody.
pub(crate) const FORMS: [(Form, &str); 5] = [
    (Form::Index, "module"),
    (Form::Oci, "module-oci"),
    (Form::Docker, "module-docker"),
    (Form::Artifact, "module-artifact"),
    (Form::Wasm, "module-wasm"),
];

/// Writes one form of the module with its bill of materials, and returns what is tagged.
///
/// # Errors
/// The layout cannot be written.
pub(crate) fn write(
    folder: &Path,
    form: Form,
    module: &[u8],
    sbom: &[u8],
    build: &Build,
) -> anyhow::Result<Descriptor> {
    let annotations = build.annotations(TITLE, DESCRIPTION);
    let mut layout = Layout::create(folder)?;
    let described = match form {
        Form::Index => {
            let images = ARCHITECTURES
                .map(|architecture| image(&layout, Kind::Oci, architecture, module, &annotations));
            let images = images.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
            manifest::index(&layout, &images, &annotations)
        }
        Form::Oci => image(&layout, Kind::Oci, "amd64", module, &annotations),
        Form::Docker => image(&layout, Kind::Docker, "amd64", module, &Annotations::new()),
        Form::Artifact => two_layers(&layout, module, build, &annotations),
        Form::Wasm => wasm(&layout, module, build, &annotations),
    }?;
    let sbom = manifest::referrer(&layout, &described, SBOM, sbom, &annotations)?;
    layout.tag(described.clone(), &build.version);
    layout.referrer(sbom);
    layout.finish()?;
    Ok(described)
}

fn image(
    layout: &Layout,
    kind: Kind,
    architecture: &str,
    module: &[u8],
    annotations: &Annotations,
) -> anyhow::Result<Descriptor> {
    let mut files = Files::default();
    files.file(PLUGIN, 0o644, module);
    let image = Image {
        // Loaders read the last layer only.
        layers: vec![files.layer()?],
        platform: Platform::linux(architecture),
        config: json!({}),
    };
    image.store(layout, kind, annotations)
}

/// Loaders ask for exactly two layers, and take the one with the content.
fn two_layers(
    layout: &Layout,
    module: &[u8],
    build: &Build,
    annotations: &Annotations,
) -> anyhow::Result<Descriptor> {
    let runtime = json!({
        "type": "envoy_proxy",
        "abiVersions": ["v0-2-1"],
        "config": {"rootIds": ["registry-auth", "registry-auth-intake"]},
        "version": build.version,
    });
    let layers = [
        layout.json("application/vnd.module.wasm.config.v1+json", &runtime)?,
        layout
            .blob("application/vnd.module.wasm.content.layer.v1+wasm", module)?
            .annotated("org.opencontainers.image.title", PLUGIN),
    ];
    let kind = Some("application/vnd.module.wasm.config.v1+json");
    manifest::artifact(layout, kind, None, &layers, annotations)
}

/// CNCF Wasm OCI artifact layout, version 0.
fn wasm(
    layout: &Layout,
    module: &[u8],
    build: &Build,
    annotations: &Annotations,
) -> anyhow::Result<Descriptor> {
    let layer = layout.blob("application/wasm", module)?;
    let config = json!({
        "created": build.time(),
        "architecture": "wasm",
        "os": "wasip1",
        "layerDigests": [layer.digest],
    });
    let config = layout.json("application/vnd.wasm.config.v0+json", &config)?;
    manifest::artifact(layout, None, Some(config), &[layer], annotations)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use serde_json::Value;

    use super::*;

    fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        for place in ["", "blobs/sha256"] {
            for entry in fs::read_dir(folder.join(place)).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() {
                    let name = path.strip_prefix(folder).unwrap().display().to_string();
                    found.insert(name, fs::read(&path).unwrap());
                }
            }
        }
        found
    }

    fn json(folder: &Path, descriptor: &Value) -> Value {
        let digest = descriptor["digest"].as_str().unwrap();
        let path = folder.join("blobs").join(digest.replace(':', "/"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn two_builds_give_the_same_files() {
        let folder = tempfile::tempdir().unwrap();
        for (form, name) in FORMS {
            let [one, other] = ["one", "other"].map(|time| {
                let folder = folder.path().join(time).join(name);
                let described = write(&folder, form, b"\0asm", b"{}", &Build::of_test()).unwrap();
                (described, content(&folder))
            });
            assert_eq!(one, other, "{name}");
            // index.json, oci-layout, and at least the manifest, its configuration and the module.
            assert!(one.1.len() >= 5, "{name}");
            let changed = folder.path().join("changed").join(name);
            let changed = write(&changed, form, b"\0asn", b"{}", &Build::of_test()).unwrap();
            assert_ne!(changed.digest, one.0.digest, "{name}");
        }
    }

    #[test]
    fn each_form_has_what_its_loaders_look_for() {
        let rows = [
            (Form::Oci, 1, "application/vnd.oci.image.layer.v1.tar+gzip"),
            (
                Form::Docker,
                1,
                "application/vnd.docker.image.rootfs.diff.tar.gzip",
            ),
            (
                Form::Artifact,
                2,
                "application/vnd.module.wasm.content.layer.v1+wasm",
            ),
            (Form::Wasm, 1, "application/wasm"),
        ];
        let folder = tempfile::tempdir().unwrap();
        for (form, layers, last) in rows {
            let folder = folder.path().join(format!("{form:?}"));
            write(&folder, form, b"\0asm", b"{}", &Build::of_test()).unwrap();
            let index: Value =
                serde_json::from_slice(&fs::read(folder.join("index.json")).unwrap()).unwrap();
            let tagged = &index["manifests"][0];
            assert_eq!(
                tagged["annotations"]["org.opencontainers.image.ref.name"],
                "1.2.3"
            );
            let manifest = json(&folder, tagged);
            let found = manifest["layers"].as_array().unwrap();
            assert_eq!(found.len(), layers, "{form:?}");
            assert_eq!(found.last().unwrap()["mediaType"], last, "{form:?}");
            let referrer = json(&folder, &index["manifests"][1]);
            assert_eq!(referrer["artifactType"], SBOM);
            assert_eq!(referrer["subject"]["digest"], tagged["digest"]);
        }
    }

    #[test]
    fn the_index_has_an_image_for_each_processor() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("module");
        let index = write(&folder, Form::Index, b"\0asm", b"{}", &Build::of_test()).unwrap();
        let index = json(&folder, &serde_json::to_value(index).unwrap());
        let images = index["manifests"].as_array().unwrap();
        for (image, architecture) in images.iter().zip(ARCHITECTURES) {
            assert_eq!(image["platform"]["architecture"], architecture);
            let manifest = json(&folder, image);
            let config = json(&folder, &manifest["config"]);
            assert_eq!(config["architecture"], architecture);
            assert_eq!(config["created"], "2023-11-14T22:13:20Z");
        }
        assert_eq!(images.len(), ARCHITECTURES.len());
    }
}
