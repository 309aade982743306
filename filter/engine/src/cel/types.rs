//! Static types, as far as they are known before a value is seen.

use std::fmt;

/// The type of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// Not known until evaluation.
    Dyn,
    /// Of the elements of `[]`: fits everything.
    Any,
    Null,
    Bool,
    Int,
    UInt,
    Double,
    String,
    Bytes,
    Timestamp,
    Duration,
    /// The type of a type.
    Meta,
    List(Box<Self>),
    Map(Box<Self>, Box<Self>),
    Optional(Box<Self>),
}

impl Type {
    pub(super) fn list(element: Self) -> Self {
        Self::List(Box::new(element))
    }

    pub(super) fn optional(value: Self) -> Self {
        Self::Optional(Box::new(value))
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self, Self::Dyn | Self::Any)
    }

    pub(super) const fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::UInt | Self::Double)
    }

    /// The letter of the type in the table of functions; none when it is not known.
    pub(super) const fn letter(&self) -> Option<char> {
        Some(match self {
            Self::Dyn | Self::Any => return None,
            Self::Null => 'n',
            Self::Bool => 'b',
            Self::Int => 'i',
            Self::UInt => 'u',
            Self::Double => 'f',
            Self::String => 's',
            Self::Bytes => 'y',
            Self::Timestamp => 't',
            Self::Duration => 'D',
            Self::Meta => 'T',
            Self::List(_) => 'l',
            Self::Map(..) => 'm',
            Self::Optional(_) => 'o',
        })
    }

    /// The type of values of which some are of the one, some of the other; `None` when no value can be of both.
    pub(super) fn join(&self, other: &Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Any, one) | (one, Self::Any) => one.clone(),
            (Self::Dyn, _) | (_, Self::Dyn) => Self::Dyn,
            (Self::Null, one @ (Self::Timestamp | Self::Duration | Self::Optional(_)))
            | (one @ (Self::Timestamp | Self::Duration | Self::Optional(_)), Self::Null) => one.clone(),
            (Self::List(a), Self::List(b)) => Self::list(a.join(b)?),
            (Self::Optional(a), Self::Optional(b)) => Self::optional(a.join(b)?),
            (Self::Map(k, v), Self::Map(l, w)) => Self::Map(Box::new(k.join(l)?), Box::new(v.join(w)?)),
            (a, b) if a == b => a.clone(),
            _ => return None,
        })
    }

    /// The type of the elements of one literal, which must be the same: a known and an unknown type are not.
    pub(super) fn unify(&self, other: &Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Any, one) | (one, Self::Any) => one.clone(),
            (Self::List(a), Self::List(b)) => Self::list(a.unify(b)?),
            (Self::Optional(a), Self::Optional(b)) => Self::optional(a.unify(b)?),
            (Self::Map(k, v), Self::Map(l, w)) => Self::Map(Box::new(k.unify(l)?), Box::new(v.unify(w)?)),
            (a, b) if a == b => a.clone(),
            _ => return None,
        })
    }
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Dyn | Self::Any => "dyn",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::UInt => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::Meta => "type",
            Self::List(_) => "list",
            Self::Map(..) => "map",
            Self::Optional(_) => "optional",
        })
    }
}
