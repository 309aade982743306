//! `registry-auth check` on the mistakes of `tests/mistakes`: each is found where it is, with an
//! advice.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::shim::{Folder, command, output, text};

const WANTED: &str = include_str!("../../../tests/mistakes/wanted.tsv");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/mistakes")
}

/// Runs `check` and returns the findings.
async fn findings(file: &str, arguments: &str) -> anyhow::Result<(Option<i32>, Vec<Value>)> {
    let path = folder().join(file);
    let good = folder().join("good-filter.json");
    // A row for Envoy checks the same policy each time.
    let (config, envoy) = match arguments.strip_suffix("--envoy") {
        Some(_) => (good, Some(path)),
        None => (path, None),
    };
    let mut all = vec!["check", "--json", "--config", text(&config)?];
    all.extend(arguments.split_whitespace());
    if let Some(envoy) = &envoy {
        all.push(text(envoy)?);
    }
    let output = output(command(&all)).await?;
    let value: Value = serde_json::from_slice(&output.stdout).map_err(|error| {
        anyhow::anyhow!(
            "{file}: {error}: {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })?;
    let found = value.get("findings").and_then(Value::as_array).cloned();
    let found = found.unwrap_or_default();
    Ok((output.status.code(), found))
}

fn is_wanted(finding: &Value, level: &str, id: &str, line: &str, part: &str) -> bool {
    let said = format!("{} {}", finding["message"], finding["write"]);
    finding["level"] == level
        && finding["id"] == id
        && finding["line"].as_u64().unwrap_or(1).to_string() == line
        && said.replace("\\\"", "\"").contains(part)
}

#[tokio::test]
async fn each_mistake_is_found_where_it_is() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for row in WANTED.lines().filter(|row| !row.starts_with('#')) {
        let [file, level, id, line, part, arguments] = row.split('\t').collect::<Vec<_>>()[..]
        else {
            panic!("{row}")
        };
        let (code, found) = findings(file, arguments).await.unwrap();
        count += 1;
        let fails = i32::from(level != "warning");
        if !found
            .iter()
            .any(|finding| is_wanted(finding, level, id, line, part))
        {
            let shown: Vec<String> = found
                .iter()
                .map(|one| {
                    format!(
                        "\n    {}[{}]:{}: {} | {}",
                        one["level"], one["id"], one["line"], one["message"], one["write"]
                    )
                })
                .collect();
            wrong.push(format!(
                "{file}: wanted {level}[{id}]:{line} `{part}`, found{}",
                shown.concat()
            ));
        } else if code < Some(fails) {
            wrong.push(format!("{file}: status {code:?}"));
        }
    }
    assert!(count >= 150, "{count} mistakes");
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[tokio::test]
async fn nothing_is_found_where_nothing_is_wrong() {
    for (file, arguments) in [
        ("good-github.yaml", ""),
        ("good-cluster.yaml", ""),
        ("good-people.yaml", ""),
        ("good-filter.json", "--for filter"),
        ("good-envoy.yaml", "--for filter --envoy"),
    ] {
        let (code, found) = findings(file, arguments).await.unwrap();
        assert_eq!((code, found.as_slice()), (Some(0), [].as_slice()), "{file}");
    }
}

#[tokio::test]
async fn every_file_of_the_folder_is_a_row() {
    let mut files: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("good-") && name != "wanted.tsv")
        .collect();
    files.sort();
    let mut rows: Vec<&str> = WANTED
        .lines()
        .filter_map(|row| row.split_once('\t'))
        .map(|(file, _)| file)
        .filter(|file| !file.starts_with('#'))
        .collect();
    rows.sort_unstable();
    assert_eq!(files, rows);
}

const PAGE: &str = include_str!("../../../docs/lints.md");

#[tokio::test]
async fn the_samples_of_the_page_are_what_is_printed() {
    let mut count = 0;
    for sample in PAGE
        .lines()
        .filter(|line| line.contains("]: ") && !line.starts_with('|'))
    {
        let (file, _) = sample.split_once(':').unwrap();
        let arguments = WANTED
            .lines()
            .find_map(|row| row.strip_prefix(&format!("{file}\t")))
            .and_then(|row| row.split('\t').nth(4))
            .unwrap();
        let mut words = vec!["check", "--short", "--config"];
        let is_envoy = arguments.ends_with("--envoy");
        words.push(if is_envoy { "good-filter.json" } else { file });
        words.extend(arguments.split_whitespace());
        if is_envoy {
            words.push(file);
        }
        let mut command = command(&words);
        command.current_dir(folder());
        let said = String::from_utf8(output(command).await.unwrap().stderr).unwrap();
        assert!(said.lines().any(|line| line == sample), "{sample}\n{said}");
        count += 1;
    }
    let headings: Vec<&str> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    assert_eq!(count, headings.len());
}

#[tokio::test]
async fn no_line_that_may_hold_a_secret_is_shown() {
    let folder = Folder::new().unwrap();
    let auth = "http:\n  auth:\n    ldap:\n";
    let rows = [
        ("dedent.yaml", format!("{auth}      bindPassword: |\n        S3CRETA\n     S3CRETB\n")),
        ("tab.yaml", format!("{auth}      bindPassword:\n\tS3CRETA\n")),
        ("key.yaml", "http:\n  auth:\n    bearer:\n      cert: |\n        -----BEGIN PRIVATE KEY-----\n      S3CRETA\n".to_owned()),
        ("quote.yaml", format!("{auth}      bindPassword: 'S3CRETA\n  S3CRETB\n")),
        ("lines.json", "{\"http\": {\"auth\": {\"ldap\": {\"bindPassword\":\n\"S3CRETA\nS3CRETB\"}}}}".to_owned()),
        ("two.json", "{\"http\": {\"auth\": {\"ldap\": {\"bindPassword\":\n\"S3CRETA\" \"S3CRETB\"}}}}".to_owned()),
        ("registry.yaml", "proxy:\n  upstreamAuthorization: Basic S3CRETA\n".to_owned()),
        ("env.yaml", "proxy:\n  upstreamAuthorization: { env: \"Basic S3CRETA\" }\n".to_owned()),
        ("spelling.yaml", "proxy:\n  upstreamAuthorisation: Bearer S3CRETA\n".to_owned()),
        ("unknown.yaml", "http:\n  auth:\n    openid:\n      providers:\n        oidc:\n          clientsecrt: S3CRETA\nproxy: { pushKy: S3CRETB }\nredis: S3CRETC\n".to_owned()),
        ("inline.json", "{\"http\": {\"realms\": 1, \"tokn\": \"S3CRETA\", \"port\": []}}".to_owned()),
        ("test.yaml", "tests:\n- { as: \"eyJhbGciOiJub25lIn0.S3CRETA\" }\n".to_owned()),
    ];
    for (name, content) in rows {
        let file = folder.write(name, &content).unwrap();
        let output = output(command(&["check", "--config", text(&file).unwrap()]))
            .await
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(!said.contains("S3CRET"), "{name}: {said}");
    }
}
