//! Whether the registry is this `run` itself: each request would come back to it, again and again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::time::Duration;

use registry_auth_render::Endpoint;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::options::Arguments;
use super::plan::Plan;

/// How long a name of the registry may take that is looked up after a change.
const LOOKUP: Duration = Duration::from_secs(2);

/// An address that `run` listens on, and what says so.
type Own = (SocketAddr, &'static str);

/// Returns why the registry of a plan cannot be it. A name is looked up if its port is one of `run`.
pub(super) fn problem(plan: &Plan, arguments: &Arguments) -> Option<String> {
    found(&plan.completed.upstream.endpoint, &own(plan, arguments))
}

/// As [`problem`], for a plan that replaces another: a name that cannot be looked up soon is none of
/// `run`.
pub(super) async fn problem_soon(plan: &Plan, arguments: &Arguments) -> Option<String> {
    let endpoint = plan.completed.upstream.endpoint.clone();
    let own = own(plan, arguments);
    let asked = spawn_blocking(move || found(&endpoint, &own));
    timeout(LOOKUP, asked).await.ok()?.ok()?
}

fn own(plan: &Plan, arguments: &Arguments) -> Vec<Own> {
    let listener = &plan.completed.listener;
    let clients = SocketAddr::new(listener.address, listener.port);
    let mut own = vec![(clients, "`http.address` and `http.port`")];
    if !arguments.no_listen {
        let pages = arguments.listen;
        own.push((pages, "`--listen`"));
        // Unlike the listener of Envoy, that of the endpoints takes both kinds of addresses.
        if pages.ip() == Ipv6Addr::UNSPECIFIED {
            let also = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), pages.port());
            own.push((also, "`--listen`"));
        }
    }
    own
}

fn found(registry: &Endpoint, own: &[Own]) -> Option<String> {
    let Endpoint::Host(host, port) = registry else {
        return None;
    };
    let mut own = own.iter().filter(|(own, _)| own.port() == *port).peekable();
    own.peek()?;
    // One that cannot be looked up now is no address of this host.
    let addresses: Vec<IpAddr> = (host.as_str(), *port)
        .to_socket_addrs()
        .map(|all| all.map(|address| address.ip()).collect())
        .unwrap_or_default();
    let leads_to = |own: &SocketAddr| {
        let mut addresses = addresses.iter();
        addresses.any(|registry| is_same(own.ip(), *registry, is_local))
    };
    let (own, by) = own.find(|(own, _)| leads_to(own))?;
    Some(format!(
        "the registry (`--upstream` or `proxy.upstream`) is at {host} port {port}, which is `run` itself ({own} by {by}): requests would go round; give one of them another port"
    ))
}

/// Returns true if a connection to `registry` comes to a socket that listens on `own`, with the same
/// port.
fn is_same(own: IpAddr, registry: IpAddr, is_local: impl Fn(IpAddr) -> bool) -> bool {
    let (own, registry) = (own.to_canonical(), registry.to_canonical());
    // Linux connects to the host itself where no address is given.
    let registry = match registry {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let is_any = own.is_unspecified() && own.is_ipv4() == registry.is_ipv4();
    own == registry || is_any && is_local(registry)
}

/// Returns true for an address of this host: others cannot be bound.
fn is_local(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows: what `run` listens on, where the registry is, and whether that is the same. Of the
    /// host are 127.0.0.1, `::1` and 10.0.0.1.
    #[test]
    fn an_address_of_its_own_is_known_in_each_form() {
        let rows = [
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "0.0.0.0", true),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("127.0.0.1", "::1", false),
            ("127.0.0.1", "10.0.0.1", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "0.0.0.0", false),
            ("0.0.0.0", "127.0.0.1", true),
            ("0.0.0.0", "10.0.0.1", true),
            ("0.0.0.0", "0.0.0.0", true),
            ("0.0.0.0", "10.0.0.2", false),
            ("0.0.0.0", "::1", false),
            ("::", "::1", true),
            ("::", "::", true),
            ("::", "127.0.0.1", false),
        ];
        let is_local = |ip: IpAddr| ["127.0.0.1", "::1", "10.0.0.1"].contains(&&*ip.to_string());
        for (own, registry, is_it) in rows {
            let found = is_same(own.parse().unwrap(), registry.parse().unwrap(), is_local);
            assert_eq!(found, is_it, "{own} {registry}");
        }
        assert!(super::is_local(Ipv4Addr::LOCALHOST.into()));
        // Of documentation (RFC 5737): no host has it.
        assert!(!super::is_local(Ipv4Addr::new(192, 0, 2, 1).into()));
    }

    /// The rows: the registry, and whether it is `run`, which listens on 127.0.0.1:5000 and
    /// 0.0.0.0:9903.
    #[test]
    fn a_registry_is_compared_by_port_and_address() {
        let own = [
            ("127.0.0.1:5000".parse().unwrap(), "`http.port`"),
            ("0.0.0.0:9903".parse().unwrap(), "`--listen`"),
        ];
        let rows = [
            ("127.0.0.1", 5000, true),
            ("localhost", 5000, true),
            ("127.0.0.1", 9903, true),
            ("127.0.0.1", 5001, false),
            ("192.0.2.1", 9903, false),
            ("no name of a host", 5000, false),
        ];
        for (host, port, is_it) in rows {
            let said = found(&Endpoint::Host(host.to_owned(), port), &own);
            assert_eq!(said.is_some(), is_it, "{host} {port}: {said:?}");
        }
        assert!(found(&Endpoint::Unix("/5000".to_owned()), &own).is_none());
    }
}
