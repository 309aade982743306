use super::*;

const ADDRESS: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9)));

fn fail(
    limits: &mut Limits,
    user: &str,
    password: &str,
    client: Option<IpAddr>,
    now: Instant,
) -> Known {
    let attempt = limits.attempt(user, password.as_bytes(), client);
    let known = limits.begin(&attempt, now);
    if known == Known::Nothing {
        limits.end(&attempt, End::Wrong, now);
    }
    known
}

#[test]
fn ten_failures_a_minute_of_a_name_and_an_address() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut limits = Limits::new([1; 16]);
    for second in 0..10 {
        assert_eq!(
            fail(
                &mut limits,
                "ann",
                &format!("pw{second}"),
                ADDRESS,
                at(second)
            ),
            Known::Nothing
        );
    }
    let too_many = |seconds| Known::TooMany {
        retry_after: Duration::from_secs(seconds),
    };
    assert_eq!(
        fail(&mut limits, "ann", "right", ADDRESS, at(10)),
        too_many(50)
    );
    // The same name in another spelling, and the same address in another form.
    let mapped = Some("::ffff:203.0.113.9".parse().unwrap());
    assert_eq!(
        fail(&mut limits, " ANN", "right", mapped, at(10)),
        too_many(50)
    );
    // Another name, another address, no address.
    assert_eq!(
        fail(&mut limits, "ben", "x", ADDRESS, at(10)),
        Known::Nothing
    );
    assert_eq!(
        fail(
            &mut limits,
            "ann",
            "x",
            Some("203.0.113.10".parse().unwrap()),
            at(10)
        ),
        Known::Nothing
    );
    assert_eq!(fail(&mut limits, "ann", "y", None, at(10)), Known::Nothing);
    // The first failure is a minute old: one more attempt.
    assert_eq!(
        fail(&mut limits, "ann", "z", ADDRESS, at(60)),
        Known::Nothing
    );
    assert_eq!(
        fail(&mut limits, "ann", "right", ADDRESS, at(60)),
        too_many(1)
    );
}

#[test]
fn a_wrong_password_is_known_for_five_seconds_and_is_one_failure() {
    let start = Instant::now();
    let at = |millis| start + Duration::from_millis(millis);
    let mut limits = Limits::new([1; 16]);
    assert_eq!(
        fail(&mut limits, "ann", "pw", ADDRESS, at(0)),
        Known::Nothing
    );
    for millis in [1, 4999] {
        assert_eq!(
            fail(&mut limits, "ann", "pw", ADDRESS, at(millis)),
            Known::Wrong
        );
    }
    assert_eq!(
        fail(&mut limits, "an", "npw", ADDRESS, at(4999)),
        Known::Nothing
    );
    assert_eq!(
        fail(&mut limits, "ann", "pw", ADDRESS, at(5000)),
        Known::Nothing
    );
    limits.users_changed();
    assert_eq!(
        fail(&mut limits, "ann", "pw", ADDRESS, at(5001)),
        Known::Nothing
    );
    let attempt = limits.attempt("ann", b"pw", ADDRESS);
    assert_eq!(limits.failures.count(&attempt.caller), 3);
}

#[test]
fn ten_thousand_guesses_are_ten_a_minute() {
    let start = Instant::now();
    let mut limits = Limits::new([1; 16]);
    let mut checked = 0;
    // Twenty a second, for eight minutes and twenty seconds.
    for number in 0..10_000_u64 {
        let now = start + Duration::from_millis(50 * number);
        let guess = format!("guess{number}");
        if fail(&mut limits, "ann", &guess, ADDRESS, now) == Known::Nothing {
            checked += 1;
        }
    }
    let minutes = (10_000 * 50_usize).div_ceil(60_000);
    assert_eq!(checked, minutes * MAX_FAILURES);
}

#[test]
fn passwords_that_are_being_checked_count_and_one_password_counts_once() {
    let now = Instant::now();
    let mut limits = Limits::new([1; 16]);
    let attempts: Vec<_> = (0..10)
        .map(|number| limits.attempt("ann", &[number], ADDRESS))
        .collect();
    for attempt in &attempts {
        assert_eq!(limits.begin(attempt, now), Known::Nothing);
        assert_eq!(limits.begin(attempt, now), Known::Nothing);
    }
    let other = limits.attempt("ann", b"other", ADDRESS);
    assert_eq!(
        limits.begin(&other, now),
        Known::TooMany { retry_after: SOON }
    );
    for attempt in &attempts {
        limits.end(attempt, End::Innocent, now);
        limits.end(attempt, End::Innocent, now);
    }
    assert!(limits.checking.is_empty());
    assert_eq!(limits.begin(&other, now), Known::Nothing);
    limits.end(&other, End::Wrong, now);
    assert_eq!(limits.failures.count(&other.caller), 1);
    assert!(limits.checking.is_empty());
}

#[test]
fn made_up_names_from_one_address_do_not_keep_others_waiting() {
    let start = Instant::now();
    let client = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    // (the address, another, whether that is the same client)
    let rows = [
        (client("203.0.113.9"), client("203.0.113.9"), true),
        (client("203.0.113.9"), client("::ffff:203.0.113.9"), true),
        (client("203.0.113.9"), client("203.0.113.10"), false),
        (client("2001:db8::1"), client("2001:db8::2:3"), true),
        (client("2001:db8::1"), client("2001:db8:0:1::1"), false),
        (client("203.0.113.9"), None, false),
        (None, None, false),
    ];
    for (address, other, is_same) in rows {
        let expected = |retry_after| {
            if is_same {
                Known::TooMany { retry_after }
            } else {
                Known::Nothing
            }
        };
        // Those that have failed.
        let mut limits = Limits::new([1; 16]);
        for number in 0..MAX_FAILURES_OF_ADDRESS {
            let name = format!("user{number}");
            let known = fail(&mut limits, &name, "x", address, start);
            assert_eq!(known, Known::Nothing, "{address:?} {number}");
        }
        let known = fail(&mut limits, "ann", "pw", other, start);
        assert_eq!(known, expected(WINDOW), "{address:?} {other:?}");
        let later = start + WINDOW;
        let known = fail(&mut limits, "ann", "pw2", other, later);
        assert_eq!(known, Known::Nothing, "{address:?} {other:?}");

        // Those that are being checked.
        let mut limits = Limits::new([1; 16]);
        let attempts: Vec<_> = (0..MAX_CHECKING_OF_ADDRESS)
            .map(|number| limits.attempt(&format!("user{number}"), b"x", address))
            .collect();
        for attempt in &attempts {
            assert_eq!(limits.begin(attempt, start), Known::Nothing);
        }
        let attempt = limits.attempt("ann", b"pw", other);
        assert_eq!(limits.begin(&attempt, start), expected(SOON));
        if !is_same {
            limits.end(&attempt, End::Innocent, start);
        }
        for attempt in &attempts {
            limits.end(attempt, End::Innocent, start);
        }
        assert!(limits.busy.is_empty(), "{address:?} {other:?}");
    }
}
