//! Where clients connect.

use std::net::IpAddr;

use crate::cluster::Certificate;

/// The listener of registry clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its address.
    pub address: IpAddr,
    /// Its port; 0 for any that is free.
    pub port: u16,
    /// TLS; plain HTTP when absent.
    pub tls: Option<ServerTls>,
}

/// TLS as a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// What clients are shown.
    pub certificate: Certificate,
    /// Path of the authorities of client certificates. A client may come without one, as in zot; one
    /// that it does show must be vouched for. None is asked for when absent.
    pub client_authorities: Option<String>,
    /// Their content, for a proxy that gets it as a part of its listener instead of the path: whoever
    /// fills it in replaces the listener when it changes, and so ends the connections of before.
    pub client_authorities_text: Option<String>,
}
