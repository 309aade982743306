//! `docs/reasons.md` says of every reason what it means and what to do.

use std::collections::BTreeMap;
use std::fs;

use registry_auth_engine::Reason;
use registry_auth_harness::module::workspace;

use crate::Outcome;

#[test]
fn the_page_of_reasons_has_each_once_below_its_status_with_what_to_do() -> Outcome {
    let page =
        fs::read_to_string(workspace().join("docs/reasons.md")).map_err(anyhow::Error::from)?;
    let mut statuses = String::new();
    let mut rows: BTreeMap<String, (String, usize)> = BTreeMap::new();
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            statuses = heading.to_owned();
        }
        let cells: Vec<_> = line.split(" | ").collect();
        let [name, meaning, advice] = cells.as_slice() else {
            continue;
        };
        let Some(name) = name
            .strip_prefix("| `")
            .and_then(|name| name.strip_suffix('`'))
        else {
            continue;
        };
        assert!(meaning.len() > 10 && advice.len() > 10, "{line}");
        let row = rows.entry(name.to_owned()).or_default();
        *row = (statuses.clone(), row.1 + 1);
    }
    for reason in Reason::ALL {
        let descriptor = reason.descriptor();
        let (heading, count) = rows
            .remove(descriptor.label)
            .unwrap_or_else(|| panic!("`{}` is not on the page", descriptor.label));
        assert_eq!(count, 1, "{}", descriptor.label);
        let status = descriptor.status.to_string();
        assert!(heading.contains(&status), "{}: {heading}", descriptor.label);
    }
    assert!(rows.is_empty(), "on the page alone: {rows:?}");
    Ok(())
}
