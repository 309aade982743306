//! `registry-auth render`, and `check` of what it completes.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helpers of tests"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::check::check_for;
use crate::issuer::certificate;
use crate::sample::FIRST;
use crate::shim::{Folder, command, output, text};

/// What a command did.
struct Ended {
    status: Option<i32>,
    stdout: String,
    lines: Vec<String>,
}

async fn render(folder: &Folder, document: &str, options: &[&str]) -> Ended {
    let file = folder.write("zot.json", document).unwrap();
    let mut arguments = vec!["render", "envoy", "--config", text(&file).unwrap()];
    arguments.extend(options);
    let output = output(command(&arguments)).await.unwrap();
    Ended {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        lines: String::from_utf8(output.stderr)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect(),
    }
}

/// The configurations of zot's documents, with the files that they name in `folder`.
fn documents(folder: &Folder) -> Vec<(String, String)> {
    let files = [
        ("/etc/zot/k8s-ca.pem", certificate("issuer-ca")),
        ("/etc/zot/auth.crt", folder.write("key.pem", FIRST).unwrap()),
        ("/etc/zot/certs/server.cert", certificate("server")),
        ("/etc/zot/certs/server.key", certificate("server.key")),
        ("/etc/zot/certs/ca.cert", certificate("ca")),
    ];
    let mut all = include_str!("../../../tests/fixtures/zot-documents.json").to_owned();
    for (named, file) in files {
        all = all.replace(named, text(&file).unwrap());
    }
    let pem = fs::read_to_string(certificate("issuer-ca")).unwrap();
    let abbreviated = r#""-----BEGIN CERTIFICATE-----\nMIIC...\n-----END CERTIFICATE-----""#;
    let all = all.replace(abbreviated, &Value::from(pem).to_string());
    let all: Value = serde_json::from_str(&all).unwrap();
    let all = all["configurations"].as_array().unwrap().clone();
    let row = |row: Value| {
        let name = row["name"].as_str().unwrap().to_owned();
        (name, row["document"].to_string())
    };
    all.into_iter().map(row).collect()
}

#[tokio::test]
async fn configurations_of_zots_documents_are_checked_and_rendered_as_they_are() {
    let folder = Folder::new().unwrap();
    let mut complete = 0;
    for (name, document) in documents(&folder) {
        let is_good = !name.ends_with("(issue on people)");
        let (status, lines) = check_for("proxy", &folder, "c.json", &document)
            .await
            .unwrap();
        // Where people log in, the files that the document names are read.
        let reads = lines.iter().any(|line| line.contains("cannot be read"));
        let is_refused = lines.iter().any(|line| line.starts_with("error: "));
        assert_eq!(
            (status.is_some(), is_refused),
            (true, reads),
            "{name}: {lines:#?}"
        );
        let login = ["--login", "unix:/run/login.sock"];
        let with_login = render(&folder, &document, &login).await;
        let is_asked = with_login.stdout.contains("/run/login.sock");
        assert_eq!(
            is_asked,
            !is_good && !reads,
            "{name}: {:#?}",
            with_login.lines
        );
        let ended = render(&folder, &document, &["--upstream", "http://127.0.0.1:5001"]).await;
        assert_eq!(
            ended.status,
            Some(i32::from(!is_good)),
            "{name}: {:#?}",
            ended.lines
        );
        assert_eq!(ended.stdout.contains("port_value: 5001"), is_good, "{name}");
        assert_eq!(
            ended.lines.iter().any(|line| line.starts_with("error: ")),
            !is_good
        );
        complete += i32::from(is_good);
        // What is missing is an error for a proxy that is configured by hand.
        let (status, lines) = check_for("filter", &folder, "f.json", &document)
            .await
            .unwrap();
        let needs = [
            "cluster",
            "pushKey",
            "is not supported",
            "say who may do what",
        ];
        let is_missing = lines.iter().any(|line| {
            line.starts_with("error: ") && needs.iter().any(|need| line.contains(need))
        });
        assert_eq!(status == Some(1), is_missing, "{name}: {lines:#?}");
    }
    assert_eq!(complete, 14);
}

fn simple() -> Value {
    json!({ "http": {
        "auth": { "bearer": { "oidc": [{ "issuer": "https://a.example", "audiences": ["r"] }] } },
        "accessControl": { "repositories": { "**": { "defaultPolicy": ["read"] } } }
    } })
}

#[tokio::test]
async fn what_is_assumed_and_what_is_needed_is_said() {
    let folder = Folder::new().unwrap();
    let mut document = simple();
    document["http"]["auth"]["bearer"]["oidc"][0]["issuer"] =
        json!("https://kubernetes.default.svc");
    let ended = render(&folder, &document.to_string(), &[]).await;
    assert_eq!(ended.status, Some(0), "{:#?}", ended.lines);
    for line in [
        "assumed: the registry is at http://127.0.0.1:5000",
        "assumed: clients connect to 127.0.0.1",
        "assumed: clients connect to port 8080",
        "assumed: http.auth.bearer.oidc[0].keySource: `push`",
        "assumed: http.auth.bearer.oidc[0].tokenFile: ",
        "needed: REGISTRY_AUTH_PUSH_KEY in the environment of Envoy",
        "needed: REGISTRY_AUTH_PUSH_KEY=... registry-auth serve --config ",
    ] {
        let found = ended.lines.iter().filter(|given| given.starts_with(line));
        assert_eq!(found.count(), 1, "{line}: {:#?}", ended.lines);
    }
}

#[tokio::test]
async fn wrong_usage_is_2_and_a_wrong_document_is_1() {
    let folder = Folder::new().unwrap();
    let good = simple().to_string();
    let long = format!("/{}", "x".repeat(100));
    let rows = [
        (
            good.as_str(),
            &["--upstream", "zot:5000"] as &[&str],
            2,
            "--upstream: write http",
        ),
        (&good, &["--upstream-ca", "/ca.pem"], 2, "--upstream <URL>"),
        (
            &good,
            &["--upstream", "https://zot", "--upstream-cert", "/c"],
            2,
            "--upstream-key",
        ),
        (
            &good,
            &["--upstream", "https://u:tops3cret@zot"],
            2,
            "--upstream-authorization",
        ),
        (&good, &["--folder", "relative"], 2, "must be absolute"),
        (&good, &["--folder", &long], 2, "too long"),
        (&good, &["--listen", "x"], 2, "unexpected argument"),
        ("{}", &[], 1, "error: http: "),
        (
            "{",
            &[],
            1,
            ": JSON ends early at line 1, column 1: the rest of the file is missing",
        ),
        (
            r#"{"intake": {"pushKey": {"env": "K"}}}"#,
            &[],
            1,
            "document of the filter",
        ),
    ];
    for (document, options, status, message) in rows {
        let ended = render(&folder, document, options).await;
        assert_eq!(
            ended.status,
            Some(status),
            "{options:?}: {:#?}",
            ended.lines
        );
        assert!(
            ended.lines.iter().any(|line| line.contains(message)),
            "{options:?}: {:#?}",
            ended.lines
        );
        assert!(!ended.lines.concat().contains("tops3cret") && ended.stdout.is_empty());
    }
}

/// Returns the files of a folder with their inodes: a file that is replaced has another one.
fn files(folder: &Path) -> BTreeMap<String, u64> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let row = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        (name, entry.metadata().unwrap().ino())
    };
    entries.map(row).collect()
}

#[tokio::test]
async fn a_folder_is_changed_where_the_document_changes() {
    let folder = Folder::new().unwrap();
    let out = folder.path("envoy");
    let options = ["--out", text(&out).unwrap()];
    let mut document = simple();
    document["http"]["tls"] =
        json!({ "cert": certificate("server"), "key": certificate("server.key") });
    document["http"]["auth"]["bearer"]["oidc"][0]["keySource"] = json!("push");
    let run = async |document: &Value| {
        let ended = render(&folder, &document.to_string(), &options).await;
        assert_eq!(
            (ended.status, ended.stdout.as_str()),
            (Some(0), ""),
            "{:#?}",
            ended.lines
        );
    };
    run(&document).await;
    assert_eq!(fs::metadata(&out).unwrap().mode() & 0o777, 0o700);
    fs::write(out.join("mine.yaml"), "kept").unwrap();
    let first = files(&out);
    let names: Vec<_> = first.keys().map(String::as_str).collect();
    let expected = [
        "bootstrap.yaml",
        "clusters.yaml",
        "filter.yaml",
        "intake.yaml",
        "listeners.yaml",
        "mine.yaml",
        "secret-server.yaml",
    ];
    assert_eq!(names, expected);
    let bootstrap = fs::read_to_string(out.join("bootstrap.yaml")).unwrap();
    assert!(
        bootstrap.contains(&format!("path: {}/listeners.yaml", text(&out).unwrap())),
        "{bootstrap}"
    );
    // The same document: nothing is replaced, so Envoy reads nothing again.
    run(&document).await;
    assert_eq!(files(&out), first);
    // Another policy.
    document["http"]["accessControl"]["repositories"]["**"]["defaultPolicy"] =
        json!(["read", "create"]);
    run(&document).await;
    let second = files(&out);
    let changed: Vec<_> = second
        .iter()
        .filter(|(name, inode)| first[*name] != **inode)
        .collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert_eq!(changed[0].0, "filter.yaml");
    // Without pushed keys and TLS their files are gone, and others stay.
    run(&simple()).await;
    let names: Vec<_> = files(&out).into_keys().collect();
    assert_eq!(
        names,
        [
            "bootstrap.yaml",
            "clusters.yaml",
            "filter.yaml",
            "listeners.yaml",
            "mine.yaml"
        ]
    );
}
