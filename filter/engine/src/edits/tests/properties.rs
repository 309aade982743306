use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// The head after the edits, as the registry gets it.
fn edited(grant: &Grant, sent: &Fields) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut head: Vec<(Vec<u8>, Vec<u8>)> = sent
        .iter()
        .map(|(name, value)| (name.to_vec(), value.to_vec()))
        .collect();
    let _: Result<(), Infallible> = grant.edits(sent, &rules(), Some(OWN)).apply(|edit| {
        match edit {
            Edit::Target(_) => {}
            Edit::Remove(name) => head.retain(|(other, _)| other.as_slice() != name),
            Edit::Add(name, value) => head.push((name.into(), value.as_bytes().into())),
        }
        Ok(())
    });
    head
}

proptest! {
    #[test]
    fn no_head_keeps_what_could_be_read_otherwise(
        head in vec((name(), value()), 0..8),
        payload in select(&[Payload::NoForm, Payload::Bytes][..]),
    ) {
        let head: Vec<(&str, &str)> = head.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let granted = grant(GrantRule::Identity, payload);
        let once = edited(&granted, &sent(&head));
        for (name, value) in &once {
            let meaning = rules().meaning(name);
            let is_type = meaning == Meaning::MediaType && !may_be_form(value);
            prop_assert!(meaning == Meaning::None || is_type, "{} of {:?}", String::from_utf8_lossy(name), head);
            prop_assert!(payload == Payload::NoForm || !is_type || value == BYTES.as_bytes());
        }
        let kept: Vec<(&str, &[u8])> =
            once.iter().map(|(name, value)| (std::str::from_utf8(name).unwrap(), value.as_slice())).collect();
        let again = edited(&granted, &Fields::parse(fields::write(&kept)).unwrap());
        prop_assert_eq!(&again, &once, "an edited head needs no more edits");
    }
}

/// Names that matter, in other spellings.
fn name() -> impl Strategy<Value = String> {
    let known =
        KNOWN
            .map(|(name, _)| name)
            .into_iter()
            .chain(["x-registry-user", "accept", ":path"]);
    let spelled = (
        select(known.collect::<Vec<_>>()),
        vec(any::<(bool, bool)>(), 30),
    )
        .prop_map(|(name, changes)| {
            let change = |(letter, (upper, other)): (char, (bool, bool))| match letter {
                '-' if other => '_',
                '-' if upper => '.',
                _ if upper => letter.to_ascii_uppercase(),
                _ => letter,
            };
            name.chars().zip(changes).map(change).collect()
        });
    prop_oneof![4 => spelled, 1 => "[!-~]{1,20}"]
}

fn value() -> impl Strategy<Value = String> {
    const TYPES: &[&str] = &[
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        BYTES,
        "application/json",
        "",
        ", ",
        ";",
    ];
    prop_oneof![
        vec(select(TYPES), 1..3).prop_map(|types| types.concat()),
        "[ -~]{0,12}"
    ]
}
