use super::*;
use crate::authn::test_certificate as make;
use crate::authn::test_certificate::tlv;

#[test]
fn the_key_is_read_only_where_it_is_asked_for() {
    let der = make::certificate(&[], &[]);
    let certificate = Certificate::read(&der).unwrap();
    assert_eq!(certificate.alternative_names(), Some(Vec::new()));
    assert!(certificate.not_after().is_some());
    assert!(
        certificate.public_key().is_none(),
        "it is an empty sequence"
    );
}

/// What follows the key is read for keys of the configuration too.
#[test]
fn a_malformed_field_behind_the_key_makes_it_no_certificate() {
    let field = tlv(0x30, &[]);
    let with = |last: &[u8]| {
        let signed = [field.repeat(6), last.to_vec()].concat();
        let signature = tlv(0x03, &[0]);
        tlv(
            0x30,
            &[tlv(0x30, &signed), field.clone(), signature].concat(),
        )
    };
    assert!(Certificate::read(&with(&[])).is_some());
    assert!(Certificate::read(&with(&tlv(0xa3, &[]))).is_some());
    assert!(Certificate::read(&with(&[0xa3, 5, 0])).is_none());
}

#[test]
fn the_end_is_a_date_with_seconds() {
    let rows: [(u8, &str, Option<i64>); 11] = [
        (0x17, "700101000000Z", Some(0)),
        (0x17, "491231235959Z", Some(2_524_607_999)),
        // It ended before all clocks began.
        (0x17, "500101000000Z", None),
        (0x18, "20500101000000Z", Some(2_524_608_000)),
        (0x18, "99991231235959Z", Some(253_402_300_799)),
        (0x18, "20230229000000Z", None),
        (0x17, "7001010000Z", None),
        (0x17, "700101000000", None),
        (0x17, "70010100000aZ", None),
        (0x17, "700101000000+0100", None),
        (0x0c, "700101000000Z", None),
    ];
    for (tag, text, seconds) in rows {
        let der = tlv(tag, text.as_bytes());
        let [value] = items(&der).unwrap()[..] else {
            panic!("{text}")
        };
        assert_eq!(time(value).map(UnixTime::secs), seconds, "{text}");
    }
}
