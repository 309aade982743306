//! A table of the functions of the environment, for the check of types.

use super::syntax::STRING;
use super::types::Type;

/// What a member function may be called on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receiver {
    /// A global function, qualified or not.
    None,
    Text,
    Time,
    Duration,
    List,
    Optional,
    /// Text, bytes, lists, maps.
    Sized,
}

impl Receiver {
    pub(super) const fn accepts(self, receiver: &Type) -> bool {
        match receiver {
            Type::Dyn | Type::Any => !matches!(self, Self::None),
            Type::String => matches!(self, Self::Text | Self::Sized),
            Type::Bytes | Type::Map(..) => matches!(self, Self::Sized),
            Type::List(_) => matches!(self, Self::List | Self::Sized),
            Type::Timestamp => matches!(self, Self::Time),
            Type::Duration => matches!(self, Self::Duration),
            Type::Optional(_) => matches!(self, Self::Optional),
            // Null is a value of these for cel-go's checker.
            Type::Null => matches!(self, Self::Time | Self::Optional),
            Type::Bool | Type::Int | Type::UInt | Type::Double | Type::Meta => false,
        }
    }
}

/// The type of a function's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Returns {
    Bool,
    Int,
    UInt,
    Double,
    Text,
    Bytes,
    Texts,
    Time,
    Duration,
    Type,
    Dyn,
    /// An optional of the (first) argument.
    OptionalOfArgument,
    /// An optional of nothing yet.
    OptionalOfAny,
    /// An optional of an element of the receiver.
    OptionalElement,
    /// What is in the optional receiver.
    Content,
    /// What is in the optional receiver, or the argument.
    ContentOrArgument,
    /// The receiver's own type.
    Receiver,
    /// A list of what is in the optionals of the receiver or argument.
    Unwrapped,
}

/// Name, receiver, number of arguments that must be there, types that each argument may have
/// ([`Type::letter`]), result.
pub(super) type Function = (
    &'static str,
    Receiver,
    usize,
    &'static [&'static str],
    Returns,
);

const ANY: &str = "nbiufsytDTlmo";

/// The function that [`super::meter`] replaces `+` by.
pub(super) const ADD: &str = "@add";
/// The function that [`super::meter`] wraps the index of an element in.
pub(super) const KEY: &str = "@key";
/// The function that [`super::meter`] wraps a value in that is paid for: the value, and maybe units
/// on top of its size.
pub(super) const PAY: &str = "@pay";

/// zot's environment.
pub(super) const FUNCTIONS: &[Function] = &[
    ("size", Receiver::None, 1, &["sylm"], Returns::Int),
    ("int", Receiver::None, 1, &["niufstD"], Returns::Int),
    ("uint", Receiver::None, 1, &["iufs"], Returns::UInt),
    ("double", Receiver::None, 1, &["iufs"], Returns::Double),
    ("bool", Receiver::None, 1, &["bs"], Returns::Bool),
    ("bytes", Receiver::None, 1, &["sy"], Returns::Bytes),
    (STRING, Receiver::None, 1, &["nbiufsytD"], Returns::Text),
    ("dyn", Receiver::None, 1, &[ANY], Returns::Dyn),
    ("type", Receiver::None, 1, &[ANY], Returns::Type),
    ("timestamp", Receiver::None, 1, &["nist"], Returns::Time),
    ("duration", Receiver::None, 1, &["nsD"], Returns::Duration),
    ("matches", Receiver::None, 2, &["s", "s"], Returns::Bool),
    ("base64.encode", Receiver::None, 1, &["y"], Returns::Text),
    ("base64.decode", Receiver::None, 1, &["s"], Returns::Bytes),
    ("strings.quote", Receiver::None, 1, &["s"], Returns::Text),
    (
        "sets.contains",
        Receiver::None,
        2,
        &["l", "l"],
        Returns::Bool,
    ),
    (
        "sets.equivalent",
        Receiver::None,
        2,
        &["l", "l"],
        Returns::Bool,
    ),
    (
        "sets.intersects",
        Receiver::None,
        2,
        &["l", "l"],
        Returns::Bool,
    ),
    (
        "optional.none",
        Receiver::None,
        0,
        &[],
        Returns::OptionalOfAny,
    ),
    (
        "optional.of",
        Receiver::None,
        1,
        &[ANY],
        Returns::OptionalOfArgument,
    ),
    (
        "optional.ofNonZeroValue",
        Receiver::None,
        1,
        &[ANY],
        Returns::OptionalOfArgument,
    ),
    (
        "optional.unwrap",
        Receiver::None,
        1,
        &["l"],
        Returns::Unwrapped,
    ),
    ("size", Receiver::Sized, 0, &[], Returns::Int),
    ("contains", Receiver::Text, 1, &["s"], Returns::Bool),
    ("startsWith", Receiver::Text, 1, &["s"], Returns::Bool),
    ("endsWith", Receiver::Text, 1, &["s"], Returns::Bool),
    ("matches", Receiver::Text, 1, &["s"], Returns::Bool),
    ("charAt", Receiver::Text, 1, &["i"], Returns::Text),
    ("indexOf", Receiver::Text, 1, &["s", "i"], Returns::Int),
    ("lastIndexOf", Receiver::Text, 1, &["s", "i"], Returns::Int),
    ("lowerAscii", Receiver::Text, 0, &[], Returns::Text),
    ("upperAscii", Receiver::Text, 0, &[], Returns::Text),
    ("trim", Receiver::Text, 0, &[], Returns::Text),
    ("reverse", Receiver::Text, 0, &[], Returns::Text),
    (
        "replace",
        Receiver::Text,
        2,
        &["s", "s", "i"],
        Returns::Text,
    ),
    ("split", Receiver::Text, 1, &["s", "i"], Returns::Texts),
    ("substring", Receiver::Text, 1, &["i", "i"], Returns::Text),
    ("format", Receiver::Text, 1, &["l"], Returns::Text),
    ("join", Receiver::List, 0, &["s"], Returns::Text),
    ("first", Receiver::List, 0, &[], Returns::OptionalElement),
    ("last", Receiver::List, 0, &[], Returns::OptionalElement),
    ("unwrapOpt", Receiver::List, 0, &[], Returns::Unwrapped),
    ("value", Receiver::Optional, 0, &[], Returns::Content),
    ("hasValue", Receiver::Optional, 0, &[], Returns::Bool),
    ("or", Receiver::Optional, 1, &["on"], Returns::Receiver),
    (
        "orValue",
        Receiver::Optional,
        1,
        &[ANY],
        Returns::ContentOrArgument,
    ),
    ("getFullYear", Receiver::Time, 0, &["s"], Returns::Int),
    ("getMonth", Receiver::Time, 0, &["s"], Returns::Int),
    ("getDate", Receiver::Time, 0, &["s"], Returns::Int),
    ("getDayOfMonth", Receiver::Time, 0, &["s"], Returns::Int),
    ("getDayOfWeek", Receiver::Time, 0, &["s"], Returns::Int),
    ("getDayOfYear", Receiver::Time, 0, &["s"], Returns::Int),
    ("getHours", Receiver::Time, 0, &["s"], Returns::Int),
    ("getHours", Receiver::Duration, 0, &[], Returns::Int),
    ("getMinutes", Receiver::Time, 0, &["s"], Returns::Int),
    ("getMinutes", Receiver::Duration, 0, &[], Returns::Int),
    ("getSeconds", Receiver::Time, 0, &["s"], Returns::Int),
    ("getSeconds", Receiver::Duration, 0, &[], Returns::Int),
    ("getMilliseconds", Receiver::Time, 0, &["s"], Returns::Int),
    ("getMilliseconds", Receiver::Duration, 0, &[], Returns::Int),
];

/// First parts of qualified function names.
pub(super) const NAMESPACES: &[&str] = &["base64", "strings", "sets", "optional"];
