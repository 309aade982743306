//! The attributes of proxy-wasm that the filter reads, as Envoy has them here.

use registry_auth_filter::attribute;

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
pub(crate) fn of_plugin(plugin: &Plugin, path: &str) -> Option<Vec<u8>> {
    let number = |number: u8| Some(u64::from(number).to_le_bytes().to_vec());
    let (major, minor) = version::SUPPORTED;
    match path {
        // Shared values are in this module's own memory, so that their group belongs to it alone.
        attribute::VM_ID => Some(b"registry-auth".to_vec()),
        attribute::PLUGIN_NAME | attribute::ROOT_ID => Some(plugin.name.clone().into_bytes()),
        attribute::MAJOR_VERSION => number(major),
        attribute::MINOR_VERSION => number(minor),
        _ => None,
    }
}

/// An attribute of a request's connection. Envoy has neither the certificate itself nor its end here.
pub(crate) fn of_stream(stream: Stream, path: &str) -> Option<Vec<u8>> {
    let text = match path {
        attribute::SOURCE_ADDRESS => SOURCE_ADDRESS,
        attribute::TLS_VERSION => TLS_VERSION,
        attribute::CERTIFICATE_SUBJECT => SUBJECT,
        attribute::CERTIFICATE_DNS => DNS,
        attribute::CERTIFICATE_URI => URI,
        attribute::CERTIFICATE_DIGEST => DIGEST,
        attribute::MTLS => return stream.flag(MTLS).map(|mtls| vec![mtls.into()]),
        _ => return None,
    };
    stream.text(text)
}
