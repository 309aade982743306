use super::*;

const ONE: Fetcher = Fetcher {
    id: 1,
    lease: Duration::from_secs(3),
};
const TWO: Fetcher = Fetcher {
    id: 2,
    lease: Duration::from_secs(3),
};

fn at(millis: i64) -> UnixTime {
    UnixTime::from_millis(millis)
}

/// The state after `me` began to fetch.
fn begun(state: &FetchState, cause: Cause, me: &Fetcher, now: i64) -> FetchState {
    match state.begin(cause, me, at(now)) {
        Start::Begin(next) => next,
        other => panic!("{other:?} at {now}"),
    }
}

#[test]
fn one_fetch_serves_all_until_its_lease_runs_out() {
    let state = begun(&FetchState::default(), Cause::Missing, &ONE, 0);
    for cause in [Cause::Missing, Cause::UnknownKey, Cause::Refresh] {
        for me in [&ONE, &TWO] {
            assert_eq!(state.begin(cause, me, at(2_999)), Start::Join);
        }
    }
    assert_eq!(
        (state.phase(at(2_999)), state.phase(at(3_000))),
        (Phase::UnderWay, Phase::RunOut)
    );
    let taken = begun(&state, Cause::Missing, &TWO, 3_000);
    assert_eq!(taken.begin(Cause::Missing, &ONE, at(5_999)), Start::Join);
}

#[test]
fn a_lease_is_renewed_by_its_holder_only() {
    let state = begun(&FetchState::default(), Cause::Missing, &ONE, 0);
    assert_eq!(state.renewed(&TWO, at(2_000)), None);
    let renewed = state.renewed(&ONE, at(2_000)).unwrap();
    assert_eq!(
        (renewed.phase(at(4_999)), renewed.phase(at(5_000))),
        (Phase::UnderWay, Phase::RunOut)
    );
    assert_eq!(
        renewed.succeeded(&ONE, at(2_500)).renewed(&ONE, at(2_600)),
        None
    );
}

#[test]
fn an_answer_that_comes_after_the_lease_ran_out_leaves_the_new_holder_alone() {
    let late = begun(&FetchState::default(), Cause::Missing, &ONE, 0);
    let taken = begun(&late, Cause::Missing, &TWO, 3_000);
    assert_eq!(taken.failed(&ONE, 0, at(3_100)), taken);
    let succeeded = taken.succeeded(&ONE, at(3_100));
    assert_eq!(
        (succeeded.phase(at(3_100)), succeeded.last_success()),
        (Phase::UnderWay, Some(at(3_100)))
    );
    assert_eq!(
        succeeded.succeeded(&TWO, at(3_200)).phase(at(3_200)),
        Phase::Ended
    );
}

#[test]
fn an_unknown_key_fetches_at_most_once_in_five_seconds_whoever_asks() {
    let state = begun(&FetchState::default(), Cause::Missing, &ONE, 0).succeeded(&ONE, at(10));
    assert_eq!(state.begin(Cause::UnknownKey, &TWO, at(4_999)), Start::No);
    let state = begun(&state, Cause::UnknownKey, &TWO, 5_000).succeeded(&TWO, at(5_010));
    assert_eq!(state.begin(Cause::UnknownKey, &ONE, at(9_999)), Start::No);
    begun(&state, Cause::UnknownKey, &ONE, 10_000);
    begun(&state, Cause::Missing, &ONE, 5_011);
    begun(&state, Cause::Refresh, &ONE, 5_011);
}

#[test]
fn failures_back_off_to_a_minute_and_success_ends_it() {
    let (mut state, mut now) = (FetchState::default(), 0);
    for (number, wait) in [1, 2, 4, 8, 16, 32, 60, 60, 60].into_iter().enumerate() {
        let me = if number % 2 == 0 { &ONE } else { &TWO };
        state = begun(&state, Cause::Missing, me, now).failed(me, 0, at(now));
        assert!(state.is_failing());
        for cause in [Cause::Missing, Cause::UnknownKey, Cause::Refresh] {
            assert_eq!(
                state.begin(cause, &ONE, at(now + wait * 1000 - 1)),
                Start::No
            );
        }
        now += wait * 1000;
    }
    state = begun(&state, Cause::Missing, &ONE, now).succeeded(&ONE, at(now));
    assert!(!state.is_failing());
    state = begun(&state, Cause::Missing, &ONE, now).failed(&ONE, 999, at(now));
    begun(&state, Cause::Missing, &ONE, now + 802);
}

#[test]
fn a_clock_that_jumps_back_does_not_block_fetches_for_ever() {
    let leased = begun(&FetchState::default(), Cause::Missing, &ONE, 10_000_000);
    assert_eq!(leased.phase(at(0)), Phase::RunOut);
    begun(&leased, Cause::Missing, &TWO, 0);
    let failed = leased.failed(&ONE, 0, at(10_000_000));
    begun(&failed, Cause::Missing, &ONE, 0);
    let succeeded = leased.succeeded(&ONE, at(10_000_000));
    begun(&succeeded, Cause::UnknownKey, &ONE, 0);
}

#[test]
fn a_worker_that_is_a_moment_behind_fetches_no_more_than_one_that_is_not() {
    let succeeded =
        begun(&FetchState::default(), Cause::Missing, &ONE, 7_000).succeeded(&ONE, at(8_000));
    for (now, caught_up) in [
        (6_999, 6_999),
        (7_000, 8_000),
        (7_999, 8_000),
        (8_000, 8_000),
        (8_001, 8_001),
    ] {
        assert_eq!(succeeded.caught_up(at(now)), at(caught_up));
    }
    assert_eq!(FetchState::default().caught_up(at(-1)), at(-1));
    let tried =
        begun(&FetchState::default(), Cause::UnknownKey, &ONE, 7_000).succeeded(&ONE, at(7_000));
    assert_eq!(tried.begin(Cause::UnknownKey, &TWO, at(6_999)), Start::No);
    let mut failed = FetchState::default();
    for _ in 0..7 {
        failed = failed.failed(&ONE, 0, at(7_000));
    }
    assert_eq!(failed.begin(Cause::Missing, &TWO, at(6_999)), Start::No);
}

#[test]
fn every_change_comes_after_what_it_changes() {
    let new = FetchState::default();
    let begun = begun(&new, Cause::Missing, &ONE, 0);
    for next in [
        begun.renewed(&ONE, at(1)).unwrap(),
        begun.succeeded(&ONE, at(1)),
        begun.failed(&ONE, 0, at(1)),
    ] {
        assert!(begun.is_after(&new) && next.is_after(&begun) && next.is_after(&new));
        assert!(!begun.is_after(&next) && !next.is_after(&next));
    }
}

#[test]
fn a_state_is_read_back_as_it_was_and_nothing_else_is_read() {
    let begun = begun(
        &FetchState::default(),
        Cause::Missing,
        &Fetcher {
            id: u64::MAX,
            ..ONE
        },
        -5,
    );
    let states = [
        FetchState::default(),
        begun,
        begun.succeeded(&ONE, at(7)),
        begun.failed(&TWO, 0, at(7)),
    ];
    for state in states {
        let written = state.to_json();
        assert_eq!(FetchState::from_json(&written), Some(state));
        for name in written
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| *name != "owner")
        {
            let mut changed = written.clone();
            changed[name] = json!("7");
            assert_eq!(FetchState::from_json(&changed), None, "{name}");
            changed.as_object_mut().unwrap().remove(name);
            assert_eq!(FetchState::from_json(&changed), None, "{name}");
        }
    }
    assert_eq!(FetchState::from_json(&json!([])), None);
}
