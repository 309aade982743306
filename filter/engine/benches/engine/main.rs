//! What the stages of a decision cost, natively: time, and how often they allocate. `cargo xtask
//! bench --engine` runs them; `--callgrind` counts the instructions of the most frequent one.

mod world;

use divan::{AllocProfiler, Bencher, black_box};
use registry_auth_engine::authn::credential::{Credential, Passwords};
use registry_auth_engine::authn::token::UnverifiedToken;
use registry_auth_engine::route::{Route, RouteConfig};

use crate::world::{Caller, Policy, World};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// Numbers of repository patterns.
const PATTERNS: [usize; 3] = [10, 1_000, 10_000];

fn main() {
    let mut arguments = std::env::args().skip(1);
    match (
        arguments.next().as_deref(),
        arguments.next().map(|count| count.parse()),
    ) {
        (Some("--hits"), Some(Ok(count))) => hit(count),
        _ => divan::main(),
    }
}

/// That number of requests with a known token, and nothing else that depends on the number.
fn hit(count: u32) {
    let mut world = World::new(Policy::default());
    for _ in 0..count {
        assert!(
            black_box(world.decide(Caller::Known)),
            "something else would be counted"
        );
    }
}

#[divan::bench(args = ["/v2/", "/v2/team/app/manifests/v1", "/v2/team/app/blobs/uploads/?mount=sha256:e3b0&from=team/base"])]
fn parse_a_route(bencher: Bencher<'_, '_>, target: &str) {
    let routes = RouteConfig::default();
    bencher.bench_local(|| {
        Route::parse(black_box(b"GET"), black_box(target.as_bytes()), &routes).is_ok()
    });
}

#[divan::bench]
fn read_a_credential(bencher: Bencher<'_, '_>) {
    let value = format!("Bearer {}", World::new(Policy::default()).token());
    bencher.bench_local(|| {
        Credential::read(black_box(&[value.as_bytes()]), Passwords::Tokens).is_ok()
    });
}

#[divan::bench]
fn parse_a_token(bencher: Bencher<'_, '_>) {
    let world = World::new(Policy::default());
    bencher.bench_local(|| UnverifiedToken::parse(black_box(world.token())).is_ok());
}

#[divan::bench]
fn decide_with_the_token_in_the_cache(bencher: Bencher<'_, '_>) {
    decide(bencher, Policy::default(), Caller::Known);
}

#[divan::bench]
fn decide_with_a_new_token(bencher: Bencher<'_, '_>) {
    decide(bencher, Policy::default(), Caller::New);
}

#[divan::bench]
fn decide_without_a_credential(bencher: Bencher<'_, '_>) {
    decide(
        bencher,
        Policy {
            anonymous: true,
            ..Policy::default()
        },
        Caller::Nobody,
    );
}

#[divan::bench]
fn refuse_without_a_credential(bencher: Bencher<'_, '_>) {
    decide(bencher, Policy::default(), Caller::Nobody);
}

#[divan::bench]
fn decide_with_a_condition(bencher: Bencher<'_, '_>) {
    decide(
        bencher,
        Policy {
            condition: true,
            ..Policy::default()
        },
        Caller::Known,
    );
}

#[divan::bench(args = PATTERNS)]
fn decide_with_patterns(bencher: Bencher<'_, '_>, patterns: usize) {
    decide(
        bencher,
        Policy {
            patterns,
            ..Policy::default()
        },
        Caller::Known,
    );
}

#[divan::bench(args = PATTERNS, sample_count = 10, sample_size = 1)]
fn compile_patterns(bencher: Bencher<'_, '_>, patterns: usize) {
    let text = world::configuration(Policy {
        patterns,
        ..Policy::default()
    });
    bencher.bench_local(|| world::compile(black_box(&text)));
}

fn decide(bencher: Bencher<'_, '_>, policy: Policy, caller: Caller) {
    let mut world = World::new(policy);
    let allowed = caller != Caller::Nobody || policy.anonymous;
    assert_eq!(
        world.decide(caller),
        allowed,
        "the benchmark would measure something else"
    );
    bencher.bench_local(|| black_box(world.decide(caller)));
}
