//! `registry-auth controller` as a process: what it refuses to start with. What it does is tested in
//! its package.

use std::process::Stdio;

use crate::shim::{Folder, command, output, text};

#[tokio::test]
async fn what_cannot_work_is_refused_with_what_to_write() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let broken = folder.write("broken", "users: [{name: a, user: {token: tops3cret")?;
    let other = folder.write(
        "other",
        "apiVersion: v1\nkind: Config\ncurrent-context: gone\nusers: [{name: a, user: {token: tops3cret}}]\n",
    )?;
    let missing = folder.path("missing");
    let [broken, other, missing] = [text(&broken)?, text(&other)?, text(&missing)?];
    let one = ["--registry", "registry.example.com"];
    let rows: [(&[&str], Option<i32>, &str); 16] = [
        (&[], Some(2), "--registry <REGISTRY>"),
        (
            &["--registry", ""],
            Some(2),
            "`` is not a registry: write its host and port",
        ),
        (
            &["--registry", "https://a.example"],
            Some(2),
            "`https://a.example` is not a registry",
        ),
        (
            &["--registry", "a.example="],
            Some(2),
            "the audience of `a.example` is empty",
        ),
        (
            &["--registry", "a.example=https://kubernetes.default.svc"],
            Some(2),
            "is that of an API server",
        ),
        (
            &["--registry", "registry.example.com=b"],
            Some(1),
            "`--registry registry.example.com` is there twice",
        ),
        (
            &["--username", "a:b"],
            Some(1),
            "`--username` is not a user name",
        ),
        (
            &["--username", "<token>"],
            Some(1),
            "`--username` is not a user name",
        ),
        (&["--lifetime", "599"], Some(2), "599 is not in 600..=86400"),
        (&["--lifetime", "1h"], Some(2), "invalid digit"),
        (&["--argo-account", "a"], Some(2), "--argo-namespace"),
        (
            &["--argo-namespace", "a/../b"],
            Some(1),
            "`--argo-namespace` is not a name of Kubernetes",
        ),
        (
            &["--lease-namespace", "A"],
            Some(1),
            "`--lease-namespace` is not a name of Kubernetes",
        ),
        (
            &["--kubeconfig", missing],
            Some(1),
            "missing` is not a kubeconfig that can be used: No such file",
        ),
        (
            &["--kubeconfig", broken],
            Some(1),
            "it is not YAML of a `Config`",
        ),
        (
            &["--kubeconfig", other],
            Some(1),
            "its current context, or what that names, is missing",
        ),
    ];
    for (words, status, expected) in rows {
        let mut all = vec!["controller"];
        // The first rows are about the option itself.
        if !words.is_empty() && (status == Some(1) || words[0] != "--registry") {
            all.extend(one);
        }
        all.extend(words);
        let ended = output(command(&all)).await?;
        let said = String::from_utf8(ended.stderr)?;
        assert_eq!(ended.status.code(), status, "{words:?}: {said}");
        assert!(said.contains(expected), "{words:?}: {said}");
        assert!(!said.contains("tops3cret"), "{said}");
    }
    let mut nowhere = command(&["controller", "--registry", "a.example"]);
    nowhere.stdin(Stdio::null());
    let ended = output(nowhere).await?;
    let said = String::from_utf8(ended.stderr)?;
    assert!(said.contains("name one by `--kubeconfig`"), "{said}");
    Ok(())
}
