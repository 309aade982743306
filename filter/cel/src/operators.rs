//! The types that operators and functions take, and those of their results.

use cel_interpreter::common::ast::operators;

use super::error::{CompileError, mismatch};
use super::signatures::Returns;
use super::types::Type;

/// A type, or why there is none.
pub(super) type Checked = Result<Type, CompileError>;

pub(super) fn unwrapped(found: Type) -> Type {
    if let Type::Optional(inner) = found {
        *inner
    } else {
        found
    }
}

pub(super) fn shown(function: &str) -> String {
    function.trim_start_matches('@').to_owned()
}

/// The operator as it is written: `_==_` is `==`.
pub(super) fn symbol(operator: &str) -> &str {
    operator.trim_matches(['_', '@'])
}

pub(super) fn is_binary(name: &str) -> bool {
    is_arithmetic(name)
        || is_order(name)
        || [operators::EQUALS, operators::NOT_EQUALS, operators::IN].contains(&name)
}

pub(super) fn is_arithmetic(name: &str) -> bool {
    use operators::{ADD, DIVIDE, MODULO, MULTIPLY, SUBSTRACT};
    [ADD, SUBSTRACT, MULTIPLY, DIVIDE, MODULO].contains(&name)
}

pub(super) fn is_order(name: &str) -> bool {
    use operators::{GREATER, GREATER_EQUALS, LESS, LESS_EQUALS};
    [LESS, LESS_EQUALS, GREATER, GREATER_EQUALS].contains(&name)
}

pub(super) fn binary(name: &str, left: &Type, right: &Type) -> Checked {
    let result = match name {
        operators::EQUALS | operators::NOT_EQUALS => {
            left.join(right).is_some().then_some(Type::Bool)
        }
        operators::IN => match right {
            Type::List(element) => element.join(left).is_some().then_some(Type::Bool),
            Type::Map(key, _) => key.join(left).is_some().then_some(Type::Bool),
            Type::Dyn | Type::Any => Some(Type::Bool),
            _ => None,
        },
        _ if is_order(name) => ordered(left, right).then_some(Type::Bool),
        _ => arithmetic(name, left, right),
    };
    match result {
        Some(result) => Ok(result),
        None => mismatch(format!(
            "`{}` cannot be applied to {left} and {right}",
            symbol(name)
        )),
    }
}

pub(super) fn ordered(left: &Type, right: &Type) -> bool {
    let has_order = |one: &Type| {
        use Type::{Bool, Bytes, Duration, String, Timestamp};
        one.is_open()
            || one.is_number()
            || matches!(one, Bool | Bytes | Duration | String | Timestamp)
    };
    let fits = left.is_open()
        || right.is_open()
        || left == right
        || (left.is_number() && right.is_number());
    fits && has_order(left) && has_order(right)
}

pub(super) fn arithmetic(name: &str, left: &Type, right: &Type) -> Option<Type> {
    use Type::{Bytes, Duration, Dyn, Int, List, String, Timestamp, UInt};
    let adds = name == operators::ADD;
    let subtracts = name == operators::SUBSTRACT;
    match (left, right) {
        (one, other) if one.is_open() && other.is_open() => Some(Dyn),
        // With times, the other side may be either kind.
        (Timestamp | Duration, other) | (other, Timestamp | Duration) if other.is_open() => {
            (adds || subtracts).then_some(Dyn)
        }
        (List(element), other) | (other, List(element)) if other.is_open() => {
            adds.then(|| Type::list((**element).clone()))
        }
        (known, other) | (other, known) if other.is_open() => arithmetic(name, known, known),
        (String, String) | (Bytes, Bytes) => adds.then(|| left.clone()),
        (List(a), List(b)) if adds => Some(Type::list(a.join(b)?)),
        (Timestamp, Duration) => (adds || subtracts).then_some(Timestamp),
        (Duration, Timestamp) => adds.then_some(Timestamp),
        (Timestamp, Timestamp) => subtracts.then_some(Duration),
        (Duration, Duration) => (adds || subtracts).then_some(Duration),
        (a, b) if a == b && a.is_number() => {
            (name != operators::MODULO || matches!(a, Int | UInt)).then(|| a.clone())
        }
        _ => None,
    }
}

/// Returns true if types that have to be alike are.
pub(super) fn fit(name: &str, receiver: Option<&Type>, arguments: &[Type]) -> bool {
    match (name, receiver, arguments) {
        ("or", Some(one), [other]) => one.join(other).is_some(),
        ("orValue", Some(Type::Optional(one)), [other]) => one.join(other).is_some(),
        ("join", Some(list), _) => list.join(&Type::list(Type::String)).is_some(),
        ("unwrapOpt", Some(list), _) | ("optional.unwrap", None, [list]) => {
            list.join(&Type::list(Type::optional(Type::Dyn))).is_some()
        }
        (name, None, [one, other]) if name.starts_with("sets.") => one.join(other).is_some(),
        _ => true,
    }
}

pub(super) fn result_type(
    returns: Returns,
    receiver: Option<Type>,
    argument: Option<Type>,
) -> Type {
    let receiver = receiver.unwrap_or(Type::Dyn);
    let first = argument.unwrap_or(Type::Dyn);
    let content = |optional: Type| {
        if let Type::Optional(inner) = optional {
            *inner
        } else {
            Type::Dyn
        }
    };
    match returns {
        Returns::Bool => Type::Bool,
        Returns::Int => Type::Int,
        Returns::UInt => Type::UInt,
        Returns::Double => Type::Double,
        Returns::Text => Type::String,
        Returns::Bytes => Type::Bytes,
        Returns::Texts => Type::list(Type::String),
        Returns::Time => Type::Timestamp,
        Returns::Duration => Type::Duration,
        Returns::Type => Type::Meta,
        Returns::Dyn => Type::Dyn,
        Returns::OptionalOfArgument => Type::optional(first),
        Returns::OptionalOfAny => Type::optional(Type::Any),
        Returns::OptionalElement => Type::optional(if let Type::List(element) = receiver {
            *element
        } else {
            Type::Dyn
        }),
        Returns::Content => content(receiver),
        Returns::ContentOrArgument => content(receiver).join(&first).unwrap_or(Type::Dyn),
        Returns::Receiver => receiver,
        Returns::Unwrapped => Type::list(Type::Dyn),
    }
}

pub(super) fn member_of(container: &Type) -> Type {
    if let Type::Map(_, value) = container {
        (**value).clone()
    } else {
        Type::Dyn
    }
}
