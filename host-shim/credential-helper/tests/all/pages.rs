//! The samples of docs/workloads.md and of the examples are ones that the program takes.

use std::path::Path;
use std::process::Command;

use registry_auth_credential_helper::environment::Environment;
use registry_auth_credential_helper::settings::{Settings, VARIABLE};
use registry_auth_credential_helper::source::Source;
use serde_json::Value;

use crate::service::token;

const PAGE: &str = include_str!("../../../../docs/workloads.md");
const GITLAB: &str = include_str!("../../../../examples/workloads/gitlab-ci.yml");

#[test]
fn settings_on_the_page_are_read() {
    let folder = crate::folder::private();
    let file = folder.path().join("credentials.json");
    let blocks = PAGE
        .split("```json\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let mut count = 0;
    for block in blocks.filter(|block| block.contains("\"registries\"")) {
        std::fs::write(&file, block).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&file, mode).unwrap();
        let variables = [(VARIABLE, file.to_str().unwrap())];
        let settings = Settings::read(&Environment::new(&variables, Path::new("/")));
        assert!(!settings.unwrap().registries.is_empty(), "{block}");
        count += 1;
    }
    assert_eq!(count, 2);
}

/// Each row of the sources is one of ours, and each form in it is read as it.
#[test]
fn sources_on_the_page_are_all_there_are() {
    let (_, rows) = PAGE
        .split_once("| source | in JSON | token |\n|---|---|---|\n")
        .unwrap();
    let mut names = Vec::new();
    for row in rows.lines().take_while(|line| line.starts_with('|')) {
        let cells: Vec<_> = row.split(" | ").collect();
        let name = cells[0].trim_matches(['|', ' ', '`']);
        for form in cells[1].split(", `").map(|form| form.trim_matches('`')) {
            let source: Source =
                serde_json::from_str(form).unwrap_or_else(|error| panic!("{form}: {error}"));
            assert_eq!(source.name(), name, "{form}");
        }
        names.push(name);
    }
    let written = serde_json::from_str::<Source>("\"nothing\"")
        .unwrap_err()
        .to_string();
    let known = written
        .split_once("write ")
        .unwrap()
        .1
        .split(" at ")
        .next()
        .unwrap();
    assert_eq!(
        known,
        format!("{} or exec", names[..names.len() - 1].join(", "))
    );
    let sections: Vec<Value> = PAGE.matches("\n## ").map(Value::from).collect();
    assert!(sections.len() > 6);
}

/// The script of the job of GitLab, with a docker that keeps how it is called.
#[test]
fn the_job_of_gitlab_logs_in_with_its_token() {
    let lines = GITLAB.split_once("before_script:\n").unwrap().1;
    let lines = lines.lines().map_while(|line| line.strip_prefix("    - "));
    let script = lines.collect::<Vec<_>>().join("\n");
    let folder = crate::folder::private();
    let docker = "docker() { echo \"$@\"; cat; }\n";
    let token = token("registry.example.com", 60);
    for (token, expected) in [
        (
            &*token,
            format!("login --username gitlab --password-stdin registry.example.com\n{token}"),
        ),
        (
            "",
            "this job has no id_tokens: let it extend .registry\n".to_owned(),
        ),
    ] {
        let output = Command::new("sh")
            .args(["-ec", &format!("{docker}{script}")])
            .current_dir(folder.path())
            .env("REGISTRY", "registry.example.com")
            .env("REGISTRY_TOKEN", token)
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
        assert_eq!(output.status.success(), !token.is_empty());
    }
}
