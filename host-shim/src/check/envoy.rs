//! Envoy's own configuration around the filter's: what neither Envoy nor the filter can see alone.

mod around;
mod plugin;

use std::path::Path;

use registry_auth_lint::{Finding, Format, Report, form, position, suggested};
use serde_json::Value;

use crate::configuration::{self, Configuration};
use crate::file::shown;

use plugin::{Plugin, Role};

/// Checks a configuration of Envoy, as a whole (a bootstrap), against the filter's.
pub(crate) fn report(file: &Path, text: &[u8], configuration: &Configuration) -> Report {
    let name = shown(file);
    let found = match configuration::parsed(file, text) {
        Ok(value) => findings(&value, configuration),
        Err(found) => {
            let said = found.errors.first();
            let said = said.map(|error| error.message.as_str()).unwrap_or_default();
            let at = position(text, said);
            vec![form(text, Format::of(&name), said, at)]
        }
    };
    Report::new(name, text, found)
}

fn findings(envoy: &Value, configuration: &Configuration) -> Vec<Finding> {
    let plugins = Plugin::all(envoy);
    let mut found = Vec::new();
    let filters = plugins.iter().filter(|plugin| plugin.role != Role::Intake);
    if filters.clone().next().is_none() {
        let message = "no listener has the filter: no `envoy.extensions.filters.http.wasm.v3.Wasm` holds a configuration with `http`";
        found.push(
            Finding::new("envoy-filter", "", message)
                .write("the http filter of docs/envoy.md, before the router"),
        );
        return found;
    }
    let ids: Vec<Option<&str>> = plugins
        .iter()
        .map(|plugin| plugin.vm_id.as_deref())
        .collect();
    if let Some(other) = plugins
        .iter()
        .find(|plugin| ids.first() != Some(&plugin.vm_id.as_deref()))
    {
        let message = "is not that of the other plugin: pushed keys do not reach the filter";
        found.push(
            Finding::new(
                "envoy-vm-id",
                format!("{}.vm_config.vm_id", other.path),
                message,
            )
            .write("one vm_id, such as registry-auth"),
        );
    }
    for plugin in &plugins {
        found.extend(plugin.findings());
    }
    let clusters = clusters(envoy);
    for plugin in filters {
        found.extend(text(plugin, configuration));
        if let Some(clusters) = &clusters {
            found.extend(names(plugin, clusters));
        }
    }
    found.extend(around::findings(envoy));
    found
}

/// The names of all clusters; `None` if others come from somewhere else.
fn clusters(envoy: &Value) -> Option<Vec<String>> {
    let dynamic = envoy.get("dynamic_resources");
    let others = ["cds_config", "ads_config"];
    if dynamic.is_some_and(|dynamic| others.iter().any(|name| dynamic.get(name).is_some())) {
        return None;
    }
    let list = envoy.get("static_resources")?.get("clusters")?.as_array()?;
    let names = list
        .iter()
        .filter_map(|cluster| cluster.get("name")?.as_str());
    Some(names.map(str::to_owned).collect())
}

/// Clusters that the filter names.
fn names(plugin: &Plugin, clusters: &[String]) -> Vec<Finding> {
    let value = &plugin.value;
    let entries = value.pointer("/http/auth/bearer/oidc");
    let many = entries.and_then(Value::as_array).into_iter().flatten();
    let one = entries.filter(|entries| entries.is_object());
    let of_entries = many.chain(one).enumerate().flat_map(|(index, entry)| {
        let member = move |name: &'static str| {
            (
                format!("http.auth.bearer.oidc[{index}].{name}"),
                entry.get(name),
            )
        };
        ["cluster", "jwksCluster"].map(member)
    });
    let single = [
        ("http.auth.login.cluster", "/http/auth/login/cluster"),
        ("proxy.upstreamCluster", "/proxy/upstreamCluster"),
        ("proxy.oidcCluster", "/proxy/oidcCluster"),
    ];
    let single = single.map(|(path, pointer)| (path.to_owned(), value.pointer(pointer)));
    let named = of_entries
        .chain(single)
        .filter_map(|(path, value)| Some((path, value?.as_str()?)));
    let unknown = named.filter(|(_, name)| !clusters.iter().any(|known| known == name));
    unknown
        .map(|(path, name)| {
            let known: Vec<&str> = clusters.iter().map(String::as_str).collect();
            let meant = suggested(name, &known).map_or_else(
                || format!("there are {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("{path}: there is no cluster `{name}`, so the filter answers 503 when it asks it; {meant}");
            let place = format!("{}.configuration.value", plugin.path);
            let member = path.rsplit('.').next().unwrap_or_default();
            Finding::new("envoy-cluster", place, message).at(written(&plugin.text, member, name))
        })
        .collect()
}

/// A member with its value as it is in a text, or the value alone.
fn written(text: &str, member: &str, value: &str) -> String {
    let (member, value) = (format!("\"{member}\""), format!("\"{value}\""));
    let found = text.match_indices(&member).find_map(|(at, _)| {
        let rest = text.get(at + member.len()..)?;
        let behind = rest.trim_start().strip_prefix(':')?.trim_start();
        let length = rest.len() - behind.len() + value.len();
        behind
            .starts_with(&value)
            .then(|| text.get(at..at + member.len() + length))?
    });
    found.unwrap_or(&value).to_owned()
}

/// Whether the text in Envoy is that of the file.
fn text(plugin: &Plugin, configuration: &Configuration) -> Option<Finding> {
    let written = configuration.value();
    let completed = configuration.completed().map(|completed| &completed.filter);
    let same = [written, completed]
        .into_iter()
        .flatten()
        .any(|known| *known == plugin.value);
    if same || written.is_none() {
        return None;
    }
    let message = "is not the configuration that was checked: Envoy uses what is written here";
    let place = format!("{}.configuration.value", plugin.path);
    Some(
        Finding::new("envoy-text", place, message)
            .write("the text of the file, as `registry-auth render envoy` does"),
    )
}
