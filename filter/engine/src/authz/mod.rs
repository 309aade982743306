//! What a caller may do: policies, patterns, conditions.
