//! Verification of RSA signatures: RSASSA-PKCS1-v1_5 and RSASSA-PSS of RFC 8017.
//!
//! A public key, a message and a signature go in, and whether the key made the signature comes out. All of them are public,
//! so nothing here has to take the same time for each input, and nothing here can sign.
//!
//! A package of its own so that the module has it compiled for speed. Libraries count in digits of 32 or 64 bits, each product
//! with a carry of its own; WebAssembly has neither the upper half of a product nor a carry. Digits of 27 bits leave so much room
//! in a word of 64 that carries are added up once for each number instead.

mod digits;
mod encoding;
mod hash;
mod key;
mod modulus;

pub use hash::Hash;
pub use key::{InvalidKey, Padding, PublicKey};
