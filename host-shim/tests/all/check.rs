//! `registry-auth check`.
