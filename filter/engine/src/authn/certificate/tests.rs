use super::super::test_certificate::{self as make, tlv};
use super::*;
use crate::authn::mtls::is_thumbprint;
use crate::request::Connection;

const NAMED: &str = include_str!("../../../../../tests/fixtures/certificates/named.pem");
const WORKLOAD: &str = include_str!("../../../../../tests/fixtures/certificates/workload.pem");
const NAMELESS: &str = include_str!("../../../../../tests/fixtures/certificates/nameless.pem");

fn der(pem: &str) -> PresentedCertificate {
    PresentedCertificate::of_pem(pem.as_bytes()).unwrap()
}

/// The texts and thumbprints are those of Go's `crypto/x509`.
#[test]
fn a_name_reads_as_go_writes_it() {
    let rows = [
        (
            NAMED,
            r#"SERIALNUMBER=7,CN=\#Jö \"y\"\ ,OU=one+OU=two,O=Acme\, Inc. \<x\>,POSTALCODE=10115,STREET=A 1,L=Berlin,ST=BE,C=DE,2.5.4.12=#13026472,1.2.840.113549.1.9.1=#0c056140622e63"#,
            Some("#Jö \"y\" "),
            "pDzug-bBhARORQQDInqPGonwhAdMeBCmpDFSoW1HXBU",
        ),
        (
            WORKLOAD,
            "CN=workload",
            Some("workload"),
            "z73foKldM2NSM2XD4aCv1apBUJL2M5_6F4OYamyxB44",
        ),
        (
            NAMELESS,
            "",
            None,
            "H10xlOrI1WrQVjaoplcxMFcWxtS1jqcJzwPwMpWU1r0",
        ),
    ];
    for (pem, text, common_name, thumbprint) in rows {
        let presented = der(pem);
        let certificate = presented.read().unwrap();
        assert_eq!(certificate.subject.text().as_deref(), Some(text));
        assert_eq!(certificate.subject.common_name(), common_name);
        let connection = Connection {
            certificate: pem.as_bytes(),
            ..Connection::default()
        };
        assert!(is_thumbprint(thumbprint, &connection), "{thumbprint}");
        assert!(!is_thumbprint("", &connection));
    }
}

#[test]
fn alternative_names_are_counted_within_their_form() {
    let presented = der(WORKLOAD);
    let certificate = presented.read().unwrap();
    let rows = [
        (
            NameForm::Uri,
            0,
            Some("spiffe://example.org/ns/team/sa/build"),
        ),
        (NameForm::Uri, 1, Some("spiffe://example.org/second")),
        (NameForm::Uri, 2, None),
        (NameForm::Dns, 0, Some("build.example.org")),
        (NameForm::Dns, 1, Some("second.example.org")),
        (NameForm::Email, 1, Some("second@example.org")),
        (NameForm::Email, usize::MAX, None),
    ];
    for (form, index, name) in rows {
        assert_eq!(
            certificate.name(form, index),
            name.map(str::as_bytes),
            "{form:?} {index}"
        );
    }
}

#[test]
fn a_certificate_is_read_from_pem_and_from_pem_that_is_percent_encoded() {
    let plus: String = WORKLOAD
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect();
    assert_eq!(der(&plus).thumbprint(), der(WORKLOAD).thumbprint());
    for text in [
        "",
        "x",
        "%",
        "-----BEGIN CERTIFICATE-----",
        &WORKLOAD.replace("CERTIFICATE", "PUBLIC KEY"),
    ] {
        assert!(
            PresentedCertificate::of_pem(text.as_bytes()).is_none(),
            "{text}"
        );
    }
}

#[test]
fn what_is_cut_off_or_goes_on_is_no_certificate() {
    let whole = der(NAMED).0;
    for length in 0..whole.len() {
        assert!(
            PresentedCertificate(whole[..length].to_vec())
                .read()
                .is_none(),
            "{length}"
        );
    }
    assert!(
        PresentedCertificate([whole.as_slice(), &[0]].concat())
            .read()
            .is_none()
    );
}

#[test]
fn a_certificate_that_says_it_twice_says_nothing() {
    let names = make::names(&[(0x82, "a.example")]);
    assert!(
        PresentedCertificate(make::certificate(&[], &names))
            .read()
            .is_some()
    );
    assert!(
        PresentedCertificate(make::certificate(&[], &[names.clone(), names].concat()))
            .read()
            .is_none()
    );
}

#[test]
fn a_text_in_an_old_alphabet_is_no_name() {
    let subject = |tag: u8| make::attribute(&[0x55, 0x04, 0x03], &tlv(tag, b"alice"));
    for (tag, name) in [
        (0x0c, Some("alice")),
        (0x13, Some("alice")),
        (0x16, Some("alice")),
        (0x1e, None),
        (0x04, None),
    ] {
        let presented = PresentedCertificate(make::certificate(&subject(tag), &[]));
        let certificate = presented.read().unwrap();
        assert_eq!(certificate.subject.common_name(), name, "{tag}");
        assert_eq!(
            certificate.subject.text().is_some(),
            name.is_some(),
            "{tag}"
        );
    }
    let presented = PresentedCertificate(make::certificate(
        &make::attribute(&[0x55, 0x04, 0x03], &tlv(0x0c, b"\xff")),
        &[],
    ));
    assert_eq!(presented.read().unwrap().subject.common_name(), None);
}

#[test]
fn a_long_text_of_an_attribute_without_name_has_a_long_length() {
    for (length, head) in [
        (0, "1300"),
        (127, "137f"),
        (128, "138180"),
        (300, "1382012c"),
    ] {
        let value = tlv(0x0c, "a".repeat(length).as_bytes());
        // UID (RFC 4519 section 2.39).
        let id = [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01];
        let presented = PresentedCertificate(make::certificate(&make::attribute(&id, &value), &[]));
        let text = presented.read().unwrap().subject.text().unwrap();
        assert_eq!(
            text,
            format!("0.9.2342.19200300.100.1.1=#{head}{}", "61".repeat(length))
        );
    }
}
