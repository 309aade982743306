//! The attributes of proxy-wasm that the filter reads, as Envoy has them here.

use crate::abi::Stream;
use crate::plugin::Plugin;
use crate::version;

/// `envoy_dynamic_module_type_attribute_id`.
const SOURCE_ADDRESS: u32 = 24;
const MTLS: u32 = 29;
const TLS_VERSION: u32 = 31;
const SUBJECT: u32 = 33;
const DNS: u32 = 35;
const URI: u32 = 37;
const DIGEST: u32 = 38;

/// An attribute of a configuration.
pub(crate) fn of_plugin(plugin: &Plugin, path: &[u8]) -> Option<Vec<u8>> {
    const VERSION: &[u8] = b"xds\0node\0user_agent_build_version\0version\0";
    match path {
        // Shared values are in this module's own memory, so that their group belongs to it alone.
        b"plugin_vm_id" => Some(b"registry-auth".to_vec()),
        b"plugin_name" | b"plugin_root_id" => Some(plugin.name.clone().into_bytes()),
        _ => {
            let (major, minor) = version::SUPPORTED;
            let number = match path.strip_prefix(VERSION)? {
                b"major_number" => major,
                b"minor_number" => minor,
                _ => return None,
            };
            Some(u64::from(number).to_le_bytes().to_vec())
        }
    }
}

/// An attribute of a request's connection. Envoy has neither the certificate itself nor its end here.
pub(crate) fn of_stream(stream: Stream, path: &[u8]) -> Option<Vec<u8>> {
    let text = match path {
        b"source\0address" => SOURCE_ADDRESS,
        b"connection\0tls_version" => TLS_VERSION,
        b"connection\0subject_peer_certificate" => SUBJECT,
        b"connection\0dns_san_peer_certificate" => DNS,
        b"connection\0uri_san_peer_certificate" => URI,
        b"connection\0sha256_peer_certificate_digest" => DIGEST,
        b"connection\0mtls" => return stream.flag(MTLS).map(|mtls| vec![mtls.into()]),
        _ => return None,
    };
    stream.text(text)
}
