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

    /// An expression of the type, for types whose values look alike to `format`.
    pub(super) const fn sample(&self) -> Option<&'static str> {
        Some(match self {
            Self::Null => "null",
            Self::Bool => "true",
            Self::Int => "1",
            Self::UInt => "1u",
            Self::Double => "1.0",
            Self::String => "''",
            Self::Bytes => "b''",
            Self::Timestamp => "timestamp(0)",
            Self::Duration => "duration('1s')",
            Self::Meta => "int",
            Self::List(_) => "[]",
            Self::Map(..) => "{}",
            Self::Dyn | Self::Any | Self::Optional(_) => return None,
        })
    }

    const fn may_be_null(&self) -> bool {
        matches!(
            self,
            Self::Null | Self::Timestamp | Self::Duration | Self::Optional(_)
        )
    }

    /// The type of values of which some are of the one, some of the other; `None` when no value can
    /// be of both.
    pub(super) fn join(&self, other: &Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Dyn, other) | (other, Self::Dyn) if *other != Self::Any => Self::Dyn,
            (Self::Any, one) | (one, Self::Any) => one.clone(),
            (Self::Null, one) | (one, Self::Null) if one.may_be_null() => one.clone(),
            (Self::List(a), Self::List(b)) => Self::list(a.join(b)?),
            (Self::Optional(a), Self::Optional(b)) => Self::optional(a.join(b)?),
            (Self::Map(k, v), Self::Map(l, w)) => {
                Self::Map(Box::new(k.join(l)?), Box::new(v.join(w)?))
            }
            (a, b) if a == b => a.clone(),
            _ => return None,
        })
    }

    /// The type of the elements of one literal, which must be the same: a known and an unknown type
    /// are not.
    pub(super) fn unify(&self, other: &Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Any, one) | (one, Self::Any) => one.clone(),
            (Self::List(a), Self::List(b)) => Self::list(a.unify(b)?),
            (Self::Optional(a), Self::Optional(b)) => Self::optional(a.unify(b)?),
            (Self::Map(k, v), Self::Map(l, w)) => {
                Self::Map(Box::new(k.unify(l)?), Box::new(v.unify(w)?))
            }
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
