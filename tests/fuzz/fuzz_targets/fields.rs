//! Header fields as a proxy hands them over: they lie in the buffer, one behind the other, and are
//! the same when they are written again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registry_auth_engine::fields::{Fields, write};
use registry_auth_fuzz::{CANARY, work};

fuzz_target!(|bytes: &[u8]| {
    let Some(fields) = work::linear(bytes, |bytes| Fields::parse(bytes.to_vec())) else {
        return;
    };
    let all: Vec<_> = fields.iter().collect();
    let numbers = if bytes.is_empty() {
        0
    } else {
        4 + 8 * all.len()
    };
    let used: usize = all
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2)
        .sum();
    assert!(numbers + used <= bytes.len());
    let mut rest = bytes.get(numbers..).unwrap_or_default();
    for (name, value) in &all {
        let field = [name, &b"\0"[..], value, b"\0"].concat();
        rest = rest.strip_prefix(&*field).expect("a field is where it was");
    }
    let named: Option<Vec<_>> = all
        .iter()
        .map(|(name, value)| Some((std::str::from_utf8(name).ok()?, *value)))
        .collect();
    let Some(named) = named else { return };
    let again = Fields::parse(write(&named)).expect("what is written can be read");
    assert!(again.iter().eq(all.iter().copied()));
    for (name, value) in &named {
        assert!(fields.all(name).any(|found| found == *value));
        assert!(fields.first(&name.to_ascii_uppercase()).is_some());
    }
    assert!(
        !format!("{fields:?}").contains(CANARY)
            || named.iter().any(|(name, _)| name.contains(CANARY))
    );
});
