//! Checks the pages: policies compile without a warning, and every reason of a refusal is on its
//! page.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Error};
use registry_auth_engine::compile;
use registry_auth_engine::config::{self, Role};
use registry_auth_engine::reason::Reason;
use registry_auth_harness::module::workspace;

use crate::Outcome;

/// Pages with a complete configuration, and how many each has.
const PAGES: [(&str, usize); 2] = [("README.md", 1), ("docs/tokens.md", 1)];

#[test]
fn the_policy_of_each_page_compiles_without_a_word() -> Outcome {
    for (page, expected) in PAGES {
        let text = read(page)?;
        let policies: Vec<_> = text
            .split("```json\n")
            .skip(1)
            .filter_map(|rest| rest.split("```").next())
            .collect();
        assert_eq!(policies.len(), expected, "{page}");
        for policy in policies {
            let (role, mut diagnostics) = config::decode(policy.as_bytes());
            let Role::Filter(document) = role else {
                panic!("{page}: not the configuration of a filter")
            };
            let compiled = compile(&document, &mut diagnostics);
            assert!(
                compiled.is_some() && diagnostics.warnings.is_empty(),
                "{page}: {diagnostics:#?}"
            );
        }
    }
    Ok(())
}

#[test]
fn the_page_of_metrics_has_every_reason_with_its_status() -> Outcome {
    let page = read("docs/metrics.md")?;
    for reason in Reason::ALL.iter().copied() {
        let descriptor = reason.descriptor();
        let row = format!("| `{}` | {} | ", descriptor.label, descriptor.status);
        assert_eq!(page.matches(&row).count(), 1, "{row}");
    }
    Ok(())
}

/// Relative links of all pages lead somewhere.
#[test]
fn no_link_between_pages_is_broken() -> Outcome {
    let pages = pages()?;
    assert!(pages.len() > 15, "{pages:?}");
    for page in pages {
        let text = read(&page)?;
        let folder = workspace()
            .join(&page)
            .parent()
            .context("a page without a folder")?
            .to_owned();
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.starts_with('#')) {
            let file = link.split('#').next().unwrap_or_default();
            assert!(folder.join(file).exists(), "{page}: {link}");
        }
    }
    Ok(())
}

fn pages() -> Result<Vec<String>, Error> {
    let mut pages = Vec::new();
    for folder in ["", "docs/", "examples/", "host-shim/", "tests/"] {
        for entry in fs::read_dir(workspace().join(folder))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if Path::new(&name)
                .extension()
                .is_some_and(|ending| ending == "md")
            {
                pages.push(format!("{folder}{name}"));
            }
        }
    }
    Ok(pages)
}

fn read(page: &str) -> Result<String, Error> {
    fs::read_to_string(workspace().join(page)).with_context(|| page.to_owned())
}
