//! The samples of the pages about people are read as configurations.

use serde_json::Value;

const PAGES: [(&str, &str, usize); 4] = [
    ("people.md", include_str!("../../../../docs/people.md"), 4),
    (
        "htpasswd.md",
        include_str!("../../../../docs/people/htpasswd.md"),
        1,
    ),
    (
        "ldap.md",
        include_str!("../../../../docs/people/ldap.md"),
        2,
    ),
    (
        "social.md",
        include_str!("../../../../docs/people/social.md"),
        1,
    ),
];

#[test]
fn the_samples_of_the_pages_are_read() {
    for (page, text, expected) in PAGES {
        let samples: Vec<_> = text
            .split("```json\n")
            .skip(1)
            .filter_map(|rest| rest.split("```").next())
            .collect();
        assert_eq!(samples.len(), expected, "{page}");
        for sample in samples {
            let document: Value = serde_json::from_str(sample).unwrap();
            let names_people = sample.contains("htpasswd\"")
                || sample.contains("\"ldap\"")
                || sample.contains("\"openid\"");
            match super::read(&document) {
                Ok(read) => assert_eq!(read.is_some(), names_people, "{page}: {sample}"),
                Err(errors) => panic!("{page}: {errors:?}\n{sample}"),
            }
        }
    }
}
