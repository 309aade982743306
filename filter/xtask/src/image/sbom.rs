//! The software bill of materials of an artefact, in CycloneDX 1.6.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use super::annotations::Build;
use super::descriptor;
use crate::process;
use crate::workspace::Workspace;

/// What `cargo metadata` says.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    repository: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Debug, Deserialize)]
struct DependencyKind {
    /// Nothing for what is linked, `dev` for tests, `build` for build scripts.
    kind: Option<String>,
}

/// A package of a distribution that is in an image as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SystemPackage {
    /// The name of the package.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its architecture, in Debian's terms.
    pub(crate) architecture: String,
}

/// Returns the bill of materials of a package of the workspace as built for a target: what is
/// linked into it and what its build scripts use, with versions, licences and checksums.
///
/// # Errors
/// `cargo metadata` fails, or does not know the package.
pub(crate) fn write(
    workspace: &Workspace,
    build: &Build,
    package: &str,
    target: &str,
    system: &[SystemPackage],
) -> anyhow::Result<Vec<u8>> {
    let mut command = workspace.cargo(&[
        "metadata",
        "--format-version=1",
        "--locked",
        "--filter-platform",
    ]);
    let output = command.arg(target).output().context("cannot start cargo")?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
    }
    process::succeeded("cargo metadata", output.status)?;
    let metadata =
        serde_json::from_slice(&output.stdout).context("cargo metadata says something unknown")?;
    let lock = workspace.path("Cargo.lock");
    let lock = std::fs::read_to_string(lock).context("cannot read `Cargo.lock`")?;
    let document = document(&metadata, &checksums(&lock), package, build, system)?;
    Ok(serde_json::to_vec_pretty(&document)?)
}

fn document(
    metadata: &Metadata,
    checksums: &BTreeMap<(String, String), String>,
    root: &str,
    build: &Build,
    system: &[SystemPackage],
) -> anyhow::Result<Value> {
    let packages: BTreeMap<&str, &Package> = metadata
        .packages
        .iter()
        .map(|package| (package.id.as_str(), package))
        .collect();
    let Some(root) = metadata
        .packages
        .iter()
        .find(|package| package.name == root)
    else {
        bail!("there is no package `{root}`");
    };
    let edges = edges(metadata);
    let reached = reached(&edges, &root.id);
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    for id in &reached {
        let package = packages
            .get(id)
            .context("cargo metadata leaves out a package")?;
        let below = edges.get(id).into_iter().flatten();
        let mut below: Vec<String> = below
            .filter_map(|id| packages.get(id))
            .map(|package| url(package))
            .collect();
        below.sort();
        dependencies.push(json!({"ref": url(package), "dependsOn": below}));
        if package.id != root.id {
            let key = (package.name.clone(), package.version.clone());
            components.push(component(package, checksums.get(&key)));
        }
    }
    components.extend(system.iter().map(system_component));
    components.sort_by_key(|component| component["bom-ref"].to_string());
    dependencies.sort_by_key(|dependency| dependency["ref"].to_string());
    let mut main = component(root, None);
    if let Some(main) = main.as_object_mut() {
        main.insert("type".to_owned(), json!("application"));
    }
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial(&json!([components, dependencies, build.version])),
        "version": 1,
        "metadata": {"timestamp": build.time(), "component": main},
        "components": components,
        "dependencies": dependencies,
    }))
}

/// Returns what each package needs in its artefact: not what only its tests use.
fn edges(metadata: &Metadata) -> BTreeMap<&str, BTreeSet<&str>> {
    let is_built = |dependency: &&Dependency| {
        let mut kinds = dependency.dep_kinds.iter();
        kinds.any(|kind| kind.kind.as_deref() != Some("dev"))
    };
    let nodes = metadata.resolve.nodes.iter();
    nodes
        .map(|node| {
            let below = node.deps.iter().filter(is_built);
            (
                node.id.as_str(),
                below.map(|dependency| dependency.pkg.as_str()).collect(),
            )
        })
        .collect()
}

fn reached<'a>(edges: &BTreeMap<&'a str, BTreeSet<&'a str>>, root: &'a str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut left = vec![root];
    while let Some(id) = left.pop() {
        if reached.insert(id) {
            left.extend(edges.get(id).into_iter().flatten());
        }
    }
    reached
}

/// Returns the package URL of a crate.
fn url(package: &Package) -> String {
    let Package { name, version, .. } = package;
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

fn component(package: &Package, checksum: Option<&String>) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": url(package),
        "name": package.name,
        "version": package.version,
        "purl": url(package),
        "scope": "required",
    });
    let Some(members) = component.as_object_mut() else {
        return component;
    };
    if let Some(license) = &package.license {
        // The old form of some crates is no expression of SPDX.
        let expression = license.replace('/', " OR ");
        members.insert("licenses".to_owned(), json!([{"expression": expression}]));
    }
    if let Some(checksum) = checksum {
        members.insert(
            "hashes".to_owned(),
            json!([{"alg": "SHA-256", "content": checksum}]),
        );
    }
    if let (Some(repository), Some(_)) = (&package.repository, &package.source) {
        let reference = json!([{"type": "vcs", "url": repository}]);
        members.insert("externalReferences".to_owned(), reference);
    }
    component
}

fn system_component(package: &SystemPackage) -> Value {
    let SystemPackage {
        name,
        version,
        architecture,
    } = package;
    let escaped = version.replace('+', "%2B").replace(':', "%3A");
    let url = format!("pkg:deb/debian/{name}@{escaped}?arch={architecture}");
    json!({"type": "library", "bom-ref": url, "name": name, "version": version, "purl": url})
}

/// Returns an identifier that depends on the content only: a UUID (RFC 9562, version 8) of its
/// digest.
fn serial(content: &Value) -> String {
    let digest = descriptor::digest(content.to_string().as_bytes());
    let hex: String = digest.chars().skip("sha256:".len()).take(32).collect();
    let part = |from: usize, length: usize| hex.chars().skip(from).take(length).collect::<String>();
    format!(
        "urn:uuid:{}-{}-8{}-8{}-{}",
        part(0, 8),
        part(8, 4),
        part(13, 3),
        part(17, 3),
        part(20, 12)
    )
}

/// Returns the checksums of `Cargo.lock`, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let field = |package: &str, name: &str| {
        let mut lines = package.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
        value.map(|value| value.trim_end_matches('"').to_owned())
    };
    let packages = lock.split("[[package]]");
    packages
        .filter_map(|package| {
            let name = (field(package, "name")?, field(package, "version")?);
            Some((name, field(package, "checksum")?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"x\"\nchecksum = \"abc\"\n\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n";

    fn metadata() -> Metadata {
        let package = |name: &str, license: &str| {
            json!({"id": name, "name": name, "version": "1.0.0", "license": license,
                   "source": "registry", "repository": "https://example.com"})
        };
        let depends =
            |name: &str, kind: Option<&str>| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        serde_json::from_value(json!({
            "packages": [package("own", "Apache-2.0"), package("a", "MIT/Apache-2.0"),
                         package("b", "MIT"), package("t", "MIT"), package("c", "ISC")],
            "resolve": {"nodes": [
                {"id": "own", "deps": [depends("a", None), depends("t", Some("dev"))]},
                {"id": "a", "deps": [depends("b", Some("build"))]},
                {"id": "b", "deps": []}, {"id": "t", "deps": []}, {"id": "c", "deps": []},
            ]},
        }))
        .unwrap()
    }

    #[test]
    fn what_is_linked_or_built_with_is_in_it() {
        let system = SystemPackage {
            name: "libc6".to_owned(),
            version: "2.36-9+deb12u10".to_owned(),
            architecture: "amd64".to_owned(),
        };
        let build = Build::of_test();
        let write = || {
            document(
                &metadata(),
                &checksums(LOCK),
                "own",
                &build,
                std::slice::from_ref(&system),
            )
        };
        let bom = write().unwrap();
        assert_eq!(bom, write().unwrap());
        let names: Vec<_> = bom["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|each| &each["name"])
            .collect();
        assert_eq!(names, ["a", "b", "libc6"]);
        let a = &bom["components"][0];
        assert_eq!(a["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(a["hashes"][0]["content"], "abc");
        assert_eq!(
            bom["components"][2]["purl"],
            "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64"
        );
        assert_eq!(bom["metadata"]["component"]["name"], "own");
        assert_eq!(
            bom["dependencies"][0]["dependsOn"],
            json!(["pkg:cargo/b@1.0.0"])
        );
        assert!(
            bom["serialNumber"]
                .as_str()
                .unwrap()
                .starts_with("urn:uuid:")
        );
        assert!(document(&metadata(), &checksums(LOCK), "other", &build, &[]).is_err());
    }
}
