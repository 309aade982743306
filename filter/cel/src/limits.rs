//! What an expression may have at most, which [`super::bounds`] checks.

/// Longest source, bytes.
pub(super) const MAX_SOURCE: usize = 4096;
/// Deepest nesting of brackets.
pub(super) const MAX_BRACKETS: usize = 32;
/// Most operators, selections and calls that can hang on one another: `a + b + c`, `a.b.c`, and
/// those around them.
pub(super) const MAX_CHAIN: usize = 64;
/// Most loops in one another.
pub(super) const MAX_LOOPS: usize = 4;
/// Deepest tree after macros are expanded, which add up to five levels for each pair of brackets.
pub(super) const MAX_DEPTH: usize = 128;
