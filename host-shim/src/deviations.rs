//! How deviations from zot are reported: a few places of each, and the page that explains them.

use std::collections::BTreeMap;

use registry_auth_engine::config::ConfigError;

/// How many places of one deviation are reported.
const PLACES: usize = 3;

/// Names the page where a deviation has a number, and leaves out further places of one that has
/// many; the last that is reported counts them.
pub(crate) fn shortened(found: impl IntoIterator<Item = ConfigError>) -> Vec<ConfigError> {
    let mut all: Vec<ConfigError> = Vec::new();
    // By what is the same: how often, and where the last one is that is reported.
    let mut kinds: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for mut one in found {
        let number = number_of(&one.message).map(str::to_owned);
        let kind = number.clone().unwrap_or_else(|| one.message.clone());
        let (count, last) = kinds.entry(kind).or_default();
        *count += 1;
        if *count > PLACES {
            continue;
        }
        *last = all.len();
        if let Some(number) = &number {
            one.message = format!("{} ({})", one.message, page_of(number));
        }
        all.push(one);
    }
    for (count, last) in kinds.into_values() {
        if let (Some(more), Some(one)) = (count.checked_sub(PLACES), all.get_mut(last))
            && more > 0
        {
            one.message = format!("{}; the same in {more} other places", one.message);
        }
    }
    all
}

/// Returns the page with a number.
fn page_of(number: &str) -> &'static str {
    match number {
        "D28" | "D29" | "D41" => "docs/people/keys.md",
        "D30" => "docs/people/social.md",
        _ => "docs/zot.md",
    }
}

/// Returns the number at the beginning of a message, as in `D12: ...`.
fn number_of(message: &str) -> Option<&str> {
    let (number, _) = message.split_once(": ")?;
    let digits = number.strip_prefix('D')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_on_its_page() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let sources = [include_str!("zot.rs"), include_str!("zot_people.rs")].concat();
        let numbers: Vec<&str> = sources.split('"').filter_map(number_of).collect();
        assert!(numbers.len() > 15, "{numbers:?}");
        for number in numbers {
            let page = std::fs::read_to_string(root.join(page_of(number))).unwrap();
            assert!(page.contains(number), "{number}");
        }
    }

    #[test]
    fn three_places_are_reported_and_the_page() {
        let one = |path: &str, message: &str| ConfigError {
            path: path.to_owned(),
            message: message.to_owned(),
        };
        let mut found = vec![one("x", "D9: also"), one("y", "Do: without a number")];
        found.extend((0..1000).map(|index| one(&format!("p{index}"), "D12: the catalog")));
        found.extend((0..3).map(|index| one(&format!("q{index}"), &format!("D8: as {index}"))));
        found.extend((0..4).map(|index| one(&format!("r{index}"), "delayed")));
        let lines: Vec<String> = shortened(found).iter().map(ToString::to_string).collect();
        let expected = [
            "x: D9: also (docs/zot.md)",
            "y: Do: without a number",
            "p0: D12: the catalog (docs/zot.md)",
            "p1: D12: the catalog (docs/zot.md)",
            "p2: D12: the catalog (docs/zot.md); the same in 997 other places",
            "q0: D8: as 0 (docs/zot.md)",
            "q1: D8: as 1 (docs/zot.md)",
            "q2: D8: as 2 (docs/zot.md)",
            "r0: delayed",
            "r1: delayed",
            "r2: delayed; the same in 1 other places",
        ];
        assert_eq!(lines, expected);
    }
}
