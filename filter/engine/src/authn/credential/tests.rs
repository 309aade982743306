use super::*;

fn token(text: &str) -> Credential<'_> {
    Credential::Token(text.as_bytes().into())
}

#[test]
fn a_header_is_read_or_refused_but_never_ignored() {
    let rows: [(&[u8], Result<Credential<'_>, Reason>); 25] = [
        (b"Bearer a.b.c", Ok(token("a.b.c"))),
        (b"bearer a.b.c", Ok(token("a.b.c"))),
        (b"BEARER   a.b.c ", Ok(token("a.b.c"))),
        (b"Basic dTphLmIuYw==", Ok(token("a.b.c"))),
        (b"basic dTphLmIuYw", Ok(token("a.b.c"))),
        (b"Basic OmEuYi5j", Ok(token("a.b.c"))),
        (b"Basic dTogYS5iLmMgCg==", Ok(token("a.b.c"))),
        (b"Bearer anonymous", Ok(Credential::Anonymous)),
        (b"Basic dTphbm9ueW1vdXM=", Ok(Credential::Anonymous)),
        (b"", Err(Reason::MalformedCredential)),
        (b"Bearer", Err(Reason::MalformedCredential)),
        (b"Bearer ", Err(Reason::MalformedCredential)),
        (b"a.b.c", Err(Reason::MalformedCredential)),
        (b"x Bearer a.b.c", Err(Reason::MalformedCredential)),
        (
            b"Bearer a.b.c,Bearer d.e.f",
            Err(Reason::MalformedCredential),
        ),
        (b"Bearer a.b.c, Basic x", Err(Reason::MalformedCredential)),
        (b"Bearer a.b.c d", Err(Reason::MalformedCredential)),
        (b"Bearer \xff\xfe", Err(Reason::MalformedCredential)),
        (b"Bearer\ta.b.c", Err(Reason::MalformedCredential)),
        (b"Basic Og==", Ok(Credential::Anonymous)),
        (b"Basic dTo=", Err(Reason::MalformedCredential)),
        (b"Basic dTogCg==", Err(Reason::MalformedCredential)),
        (b"Basic dXNlcg==", Err(Reason::MalformedCredential)),
        (b"Basic !!", Err(Reason::MalformedCredential)),
        (b"Digest x", Err(Reason::MalformedCredential)),
    ];
    for (value, wanted) in rows {
        let read =
            Credential::read(&[value], Passwords::Tokens).and_then(
                |credential| match &credential {
                    Credential::Token(token) => check(token).map(|()| credential.clone()),
                    _ => Ok(credential),
                },
            );
        assert_eq!(read, wanted, "{}", String::from_utf8_lossy(value));
    }
    assert_eq!(
        Credential::read(&[], Passwords::Tokens),
        Ok(Credential::Anonymous)
    );
    assert_eq!(
        Credential::read(&[b"Bearer a.b.c", b"Bearer a.b.c"], Passwords::Tokens),
        Err(Reason::SeveralCredentials)
    );
}

fn basic_of(text: &[u8]) -> Vec<u8> {
    let mut header = b"Basic ".to_vec();
    header.extend(
        base64::engine::general_purpose::STANDARD
            .encode(text)
            .into_bytes(),
    );
    header
}

#[test]
fn where_people_log_in_a_password_is_that_of_a_user_unless_it_is_a_token() {
    let password = |user: &str, secret: &str| {
        let (user, secret) = (user.to_owned(), Zeroizing::new(secret.to_owned()));
        Ok(Credential::Password(Box::new(Password { user, secret })))
    };
    let malformed = Err(Reason::MalformedCredential);
    let key = format!("zak_{}", "0".repeat(32));
    let long = |user: usize, secret: usize| {
        format!("{}:{}", "u".repeat(user), "s".repeat(secret)).into_bytes()
    };
    let rows: [(&[u8], Result<Credential<'_>, Reason>); 18] = [
        (b"ann:pw", password("ann", "pw")),
        (b"ann: pw \n", password("ann", " pw \n")),
        (b"ann:", password("ann", "")),
        (b":pw", password("", "pw")),
        (b":", Ok(Credential::Anonymous)),
        (b"ann:a:b", password("ann", "a:b")),
        (b"ann:anonymous", password("ann", "anonymous")),
        (b"ann:a.b.c", Ok(token("a.b.c"))),
        (b"ann: a.b.c\n", Ok(token("a.b.c"))),
        (b"ann:a.b", password("ann", "a.b")),
        (b"ann:a.b.c.d", password("ann", "a.b.c.d")),
        (b"ann:a..c", password("ann", "a..c")),
        (b"ann:a.b!.c", password("ann", "a.b!.c")),
        (b"ann:\xc3\xa9", password("ann", "\u{e9}")),
        (b"ann:\xe9", malformed.clone()),
        (b"\xe9:pw", malformed.clone()),
        (b"ann", malformed.clone()),
        (b"", malformed.clone()),
    ];
    for (text, wanted) in rows {
        let header = basic_of(text);
        let read = Credential::read(&[&header], Passwords::OfUsers);
        assert_eq!(read, wanted, "{}", String::from_utf8_lossy(text));
    }
    let header = basic_of(format!("ann:{key}").as_bytes());
    let read = Credential::read(&[&header], Passwords::OfUsers);
    assert_eq!(read, password("ann", &key));
    for (text, accepted) in [
        (long(MAX_USER, MAX_SECRET), true),
        (long(MAX_USER + 1, 1), false),
        (long(1, MAX_SECRET + 1), false),
    ] {
        let header = basic_of(&text);
        let read = Credential::read(&[&header], Passwords::OfUsers).err();
        assert_eq!(read, (!accepted).then_some(Reason::TokenTooLong));
    }
    let rows: [(&[u8], Result<Credential<'_>, Reason>); 4] = [
        (b"", Ok(Credential::Anonymous)),
        (b"Basic YWxpY2U6YWxpY2Vwdw", malformed.clone()),
        (b"Bearer anonymous", Ok(Credential::Anonymous)),
        (b"Digest x", malformed),
    ];
    for (value, wanted) in rows {
        let read = Credential::read(&[value], Passwords::OfUsers);
        assert_eq!(read, wanted, "{}", String::from_utf8_lossy(value));
    }
}

#[test]
fn a_session_is_in_one_cookie() {
    type Row<'a> = (&'a [&'a [u8]], Option<&'a [u8]>);
    let rows: [Row<'_>; 10] = [
        (&[], None),
        (&[b"session=a.b.c"], Some(b"a.b.c")),
        (&[b"user=ann; session=a.b.c; x=y"], Some(b"a.b.c")),
        (&[b"user=ann", b"session=a.b.c"], Some(b"a.b.c")),
        (&[b"session="], None),
        (&[b"session"], None),
        (&[b"xsession=a"], None),
        (&[b"Session=a"], None),
        (&[b"session=a; session=b"], None),
        (&[b"session=a", b"session=a"], None),
    ];
    for (values, wanted) in rows {
        assert_eq!(session(values), wanted, "{values:?}");
    }
}

#[test]
fn the_longest_token_is_read_and_one_byte_more_is_not() {
    let longest = "a".repeat(MAX_TOKEN);
    for (token, accepted) in [(longest.clone(), true), (longest + "a", false)] {
        let bearer = format!("Bearer {token}");
        let basic = format!("Basic {}", BASE64.encode(format!("user:{token}")));
        for header in [bearer, basic] {
            let read = Credential::read(&[header.as_bytes()], Passwords::Tokens);
            assert_eq!(read.err(), (!accepted).then_some(Reason::TokenTooLong));
        }
    }
}

#[test]
fn debug_shows_no_token() {
    let read = |value| Credential::read(&[value], Passwords::OfUsers);
    let shown = format!(
        "{:?} {:?} {:?}",
        read(b"Bearer secret"),
        read(b"Basic YW5uOnNlY3JldA=="),
        Credential::Session(b"secret".into())
    );
    assert!(!shown.contains("secret"), "{shown}");
}
