//! `registry-auth serve --envoy dns+http://NAME:PORT` with a real DNS server and the resolver of the
//! system.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::dns::Dns;
use crate::endpoints::Fixture;
use crate::intake::{Intake, eventually};
use crate::issuer::{Issuer, certificate};
use crate::issuers::configuration;
use crate::namespace::{self, DNS};
use crate::sample::{FIRST, SECOND};

const NAME: &str = "intakes.test";
const PORT: u16 = 9902;
const MANY: u8 = 50;

fn trusting(issuer: &Issuer) -> Value {
    issuer.entry(&json!({"certificateAuthorityFile": certificate("issuer-ca")}))
}

fn address(host: u8) -> IpAddr {
    IpAddr::from([127, 0, 1, host])
}

async fn intake(host: u8) -> anyhow::Result<Intake> {
    Intake::at(&format!("{}:{PORT}", address(host))).await
}

/// Returns how many samples of a family are of an address.
fn samples(metrics: &str, family: &str, envoy: &str) -> usize {
    let begins = format!("registry_auth_shim_{family}{{envoy=\"{envoy}");
    metrics
        .lines()
        .filter(|line| line.starts_with(&begins))
        .count()
}

#[tokio::test]
#[ignore = "needs namespaces of Linux: run `cargo xtask test --only shim`"]
async fn fifty_intakes_of_a_name_get_each_rotation_by_one_fetch_and_come_and_go() {
    if !namespace::enter(
        "names::fifty_intakes_of_a_name_get_each_rotation_by_one_fetch_and_come_and_go",
    )
    .unwrap()
    {
        return;
    }
    let dns = Dns::start(DNS, NAME).await.unwrap();
    let issuer = Issuer::start().await.unwrap();
    issuer.publish(&[("a", FIRST)]).unwrap();
    // No address yet.
    let first = "http://127.0.1.1:9902";
    let url = dns.url(PORT);
    let fixture = Fixture::start(&configuration(&[trusting(&issuer)]), &[&url])
        .await
        .unwrap();
    fixture
        .becomes(503, &json!([{"envoy": url, "reason": "no intake found"}]))
        .await
        .unwrap();

    let mut intakes = Vec::new();
    for host in 1..=MANY {
        intakes.push(intake(host).await.unwrap());
    }
    intakes.push(Intake::at(&format!("[::1]:{PORT}")).await.unwrap());
    let addresses = || {
        let v6 = IpAddr::from(Ipv6Addr::LOCALHOST);
        (1..=MANY).map(address).chain([v6])
    };
    dns.publish(addresses());
    for intake in &intakes {
        intake.holds_in(&issuer.set(), &["a"]).await.unwrap();
    }
    fixture.becomes(200, &json!([])).await.unwrap();
    assert!(dns.over_tcp() > 0, "the answer fits into a datagram");
    assert_eq!(issuer.asked().len(), 2, "discovery and keys, once");

    // A rotation: the first intake wants the new key, and all get it.
    issuer.publish(&[("a", FIRST), ("b", SECOND)]).unwrap();
    let start = Instant::now();
    intakes[0].want_in(&issuer.set());
    eventually(|| (issuer.asked().len() == 4).then_some(()))
        .await
        .unwrap();
    let fetched = start.elapsed();
    for intake in &intakes {
        intake.holds_in(&issuer.set(), &["a", "b"]).await.unwrap();
    }
    println!(
        "rotation: the source was fetched {fetched:?} after a filter wanted the key, and the last of {} intakes had it after {:?}",
        intakes.len(),
        start.elapsed()
    );
    fixture.becomes(200, &json!([])).await.unwrap();
    assert_eq!(issuer.asked().len(), 4, "discovery and keys, once more");
    let metrics = fixture.metrics().await.unwrap();
    assert_eq!(
        samples(&metrics, "envoy_up", ""),
        intakes.len(),
        "{metrics}"
    );

    // While no answer comes, what is known stays.
    dns.fails(true);
    let failures = format!("resolutions_total{{name=\"{url}\",outcome=\"failure\"}} ");
    let count = |metrics: &str| -> u32 {
        let value = metrics.lines().find_map(|line| {
            line.strip_prefix("registry_auth_shim_")?
                .strip_prefix(&failures)
        });
        value
            .and_then(|value| value.parse().ok())
            .unwrap_or_default()
    };
    let before = count(&metrics);
    loop {
        let metrics = fixture.metrics().await.unwrap();
        if count(&metrics) > before + 3 {
            assert_eq!(
                samples(&metrics, "envoy_up", ""),
                intakes.len(),
                "{metrics}"
            );
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    fixture.becomes(200, &json!([])).await.unwrap();
    dns.fails(false);

    // One is replaced by another.
    let other = intake(200).await.unwrap();
    dns.publish(addresses().skip(1).chain([address(200)]));
    other.holds_in(&issuer.set(), &["a", "b"]).await.unwrap();
    loop {
        let metrics = fixture.metrics().await.unwrap();
        if samples(&metrics, "envoy_up", first) == 0 {
            assert!(!metrics.contains(&format!("\"{first}\"")), "{metrics}");
            assert_eq!(samples(&metrics, "envoy_up", ""), intakes.len());
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    fixture
        .shim
        .says(&["an intake is gone from the name", first])
        .await
        .unwrap();
    assert_eq!(
        issuer.asked().len(),
        4,
        "no intake costs the source a request"
    );
    assert_eq!(fixture.shim.end("TERM").await.unwrap(), Some(0));
}

/// Listens at every address of 127.0.0.0/8, accepts connections, keeps them and never answers; counts
/// them.
async fn hanging(port: u16) -> anyhow::Result<Arc<AtomicUsize>> {
    let listener = TcpListener::bind(("0.0.0.0", port)).await?;
    let accepted = Arc::new(AtomicUsize::new(0));
    let shared = Arc::clone(&accepted);
    tokio::spawn(async move {
        let mut streams = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            shared.fetch_add(1, Ordering::Relaxed);
            streams.push(stream);
        }
    });
    Ok(accepted)
}

/// Returns the local and remote addresses of the connections to a port that clients of this
/// namespace have open, or are opening.
fn connections(port: u16) -> anyhow::Result<BTreeSet<String>> {
    let table = std::fs::read_to_string("/proc/net/tcp")?;
    let peer = format!(":{port:04X}");
    let open = table.lines().filter_map(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let (local, remote, state) = (columns.next()?, columns.next()?, columns.next()?);
        (remote.ends_with(&peer) && matches!(state, "01" | "02"))
            .then(|| format!("{local} {remote}"))
    });
    Ok(open.collect())
}

/// Returns how many of them are open at one time: the table is no snapshot, but what is in it twice
/// was open in between.
fn at_a_time(port: u16) -> anyhow::Result<usize> {
    let before = connections(port)?;
    Ok(before.intersection(&connections(port)?).count())
}

#[tokio::test]
#[ignore = "needs namespaces of Linux: run `cargo xtask test --only shim`"]
async fn intakes_that_hang_are_asked_a_few_at_a_time_and_hold_up_no_other() {
    if !namespace::enter("names::intakes_that_hang_are_asked_a_few_at_a_time_and_hold_up_no_other")
        .unwrap()
    {
        return;
    }
    let dns = Dns::start(DNS, NAME).await.unwrap();
    let issuers = [
        Issuer::start().await.unwrap(),
        Issuer::start().await.unwrap(),
    ];
    for issuer in &issuers {
        issuer.publish(&[("a", FIRST)]).unwrap();
    }
    let accepted = hanging(PORT).await.unwrap();
    // Another port: the listener above has all addresses on its own.
    let good = Intake::tcp().await.unwrap();
    dns.publish((1..=100).map(address));
    let entries = issuers.each_ref().map(trusting);
    let url = dns.url(PORT);
    let fixture = Fixture::start(&configuration(&entries), &[&url, good.url()])
        .await
        .unwrap();
    // 100 intakes and two sets are 200 exchanges, many times.
    let mut most = 0;
    eventually(|| {
        most = most.max(at_a_time(PORT).unwrap());
        (accepted.load(Ordering::Relaxed) > 250).then_some(())
    })
    .await
    .unwrap();
    assert!((32..=64).contains(&most), "{most} at a time");
    // The good one is not behind those that hang.
    for issuer in &issuers {
        good.holds_in(&issuer.set(), &["a"]).await.unwrap();
    }
    for issuer in &issuers {
        issuer.publish(&[("b", SECOND)]).unwrap();
        good.want_in(&issuer.set());
    }
    for issuer in &issuers {
        good.holds_in(&issuer.set(), &["b"]).await.unwrap();
        assert_eq!(issuer.asked().len(), 4);
    }
    assert_eq!(fixture.shim.end("TERM").await.unwrap(), Some(0));
}
