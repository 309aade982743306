//! registry-auth as a proxy-wasm filter: the entry, nothing else.
