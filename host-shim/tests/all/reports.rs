//! `registry-auth test --tap` and `--junit`: results for other programs.

use std::fs;

use anyhow::Context as _;

use crate::explain::{files, run};
use crate::shim::Folder;

/// A failing test with a name that has to be escaped, and one that is fine.
const MORE: &str = r#"tests:
- { name: "a < b & \"c\" # d \\ e", as: anonymous, allow: ["pull acme/app:v1", "list acme/web"] }
- { as: anonymous, deny: ["list acme/web"] }
"#;

#[tokio::test]
async fn results_are_tap_with_the_trace_of_each_failure() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    files(&folder)?;
    folder.write("more.yaml", MORE)?;
    let (status, out, _) = run(
        &folder.path(""),
        "test --config policy.yaml --tap more.yaml",
    )
    .await?;
    assert_eq!(status, Some(1), "{out}");
    let expected = [
        "TAP version 13\n1..5\nok 1 - policy.yaml: main releases\nok 2 - policy.yaml: tests[1]\n",
        "\nnot ok 4 - more.yaml: a < b & \"c\" \\# d \\\\ e\n  ---\n  at: \"tests[0]\"\n  trace: |\n    the test ",
        "\n    REFUSED 401 UNAUTHORIZED: authentication required (no_credential)  (pull acme/app:v1)\n",
        "\n    request  GET /v2/acme/web/tags/list  refused: no_credential\n",
        "\n  ...\nok 5 - more.yaml: tests[1]\n# 5 tests, 30 requests: 2 FAILED\n",
    ];
    for text in expected {
        assert!(out.contains(text), "{text}\n in \n{out}");
    }
    let words = "test --config policy.yaml --tap --coverage";
    let (status, out, _) = run(&folder.path(""), words).await?;
    assert_eq!(status, Some(0), "{out}");
    let end =
        "# coverage 88 % (8 of 9)\n#   bearer.oidc[0].claimMapping.validations[0]  never false\n";
    assert!(out.ends_with(end), "{out}");
    assert!(!out.contains("not ok"), "{out}");
    Ok(())
}

#[tokio::test]
async fn results_are_junit_xml_in_a_file_or_in_place_of_the_text() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    files(&folder)?;
    folder.write("more.yaml", MORE)?;
    let words = "test --config policy.yaml --junit results.xml more.yaml";
    let (status, out, _) = run(&folder.path(""), words).await?;
    assert_eq!(status, Some(1), "{out}");
    assert!(out.contains("FAILED  tests[0]: the test"), "{out}");
    let xml = fs::read_to_string(folder.path("results.xml"))?;
    let expected = [
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"registry-auth test\" tests=\"5\" failures=\"1\" errors=\"0\">\n",
        "  <testsuite name=\"policy.yaml\" tests=\"3\" failures=\"0\" errors=\"0\" skipped=\"0\">\n    <testcase classname=\"policy.yaml\" name=\"main releases\"/>\n",
        "<testcase classname=\"more.yaml\" name=\"a &lt; b &amp; &quot;c&quot; # d \\ e\">\n      <failure type=\"tests[0]\" message=\"the test &quot;a &lt; b",
        "\nREFUSED 401 UNAUTHORIZED: authentication required (no_credential)  (pull acme/app:v1)\n",
        "\nREFUSED 401 UNAUTHORIZED: authentication required (no_credential)  (list acme/web)\n",
    ];
    for text in expected {
        assert!(xml.contains(text), "{text}\n in \n{xml}");
    }
    assert_eq!(xml.matches("<failure").count(), 1, "{xml}");
    let words = "test --config policy.yaml --junit - more.yaml";
    let (status, out, _) = run(&folder.path(""), words).await?;
    assert_eq!((status, out), (Some(1), xml));
    Ok(())
}

#[tokio::test]
async fn reports_that_cannot_be_written_end_with_advice() -> anyhow::Result<()> {
    let folder = Folder::new()?;
    files(&folder)?;
    let rows = [
        ("--tap --junit -", 2, "only one of --tap and --junit -"),
        ("--junit none/x.xml", 1, "cannot write `none/x.xml`"),
        ("--junit", 2, "a value is required"),
    ];
    for (options, expected, text) in rows {
        let words = format!("test --config policy.yaml {options}");
        let (status, out, errors) = run(&folder.path(""), &words).await?;
        assert_eq!(status, Some(expected), "{words}: {out}{errors}");
        assert!(errors.contains(text), "{words}: {errors}");
    }
    let both = run(
        &folder.path(""),
        "test --config policy.yaml --tap --junit x.xml",
    )
    .await?;
    let xml = fs::read_to_string(folder.path("x.xml")).context("no file")?;
    assert!(both.1.starts_with("TAP version 13\n1..3\n") && xml.ends_with("</testsuites>\n"));
    Ok(())
}
