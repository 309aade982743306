//! The attributes that the filter reads, by their paths, whose parts are separated by NUL. A host that is a program gives
//! what it has of them.

/// The id of the VM: plugins with the same one share data.
pub const VM_ID: &str = "plugin_vm_id";
/// The name of the plugin.
pub const PLUGIN_NAME: &str = "plugin_name";
/// The id of its root context.
pub const ROOT_ID: &str = "plugin_root_id";
/// The first number of Envoy's version, eight bytes with the lowest first.
pub const MAJOR_VERSION: &str = "xds\0node\0user_agent_build_version\0version\0major_number";
/// The second number of it.
pub const MINOR_VERSION: &str = "xds\0node\0user_agent_build_version\0version\0minor_number";
/// How long a request took, once it has ended.
pub const DURATION: &str = "request\0duration";
/// The address of the other end of the connection, with its port.
pub const SOURCE_ADDRESS: &str = "source\0address";
/// The version of TLS.
pub const TLS_VERSION: &str = "connection\0tls_version";
/// Whether the client has shown a certificate: one byte.
pub const MTLS: &str = "connection\0mtls";
/// The certificate of the client, PEM in the encoding of URLs.
pub const CERTIFICATE: &str = "connection\0peer_certificate";
/// SHA-256 of it, in hexadecimal digits.
pub const CERTIFICATE_DIGEST: &str = "connection\0sha256_peer_certificate_digest";
/// Its first URI.
pub const CERTIFICATE_URI: &str = "connection\0uri_san_peer_certificate";
/// Its first DNS name.
pub const CERTIFICATE_DNS: &str = "connection\0dns_san_peer_certificate";
/// Its subject.
pub const CERTIFICATE_SUBJECT: &str = "connection\0subject_peer_certificate";
