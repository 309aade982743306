//! A configuration as a tree with comments.

use serde_json::Value;

/// A value of a configuration file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// An object; its members stay in their order.
    Map(Vec<Member>),
    /// A list.
    List(Vec<Self>),
    /// A text of several lines.
    Text(String),
    /// Anything else.
    Scalar(Value),
}

/// A member of an object, and why it is there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) value: Node,
    /// Empty for none.
    pub(crate) why: &'static str,
}

impl Node {
    /// The same data without comments.
    #[cfg(test)]
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Map(members) => Value::Object(
                members
                    .iter()
                    .map(|member| (member.name.clone(), member.value.to_value()))
                    .collect(),
            ),
            Self::List(items) => items.iter().map(Self::to_value).collect(),
            Self::Text(text) => Value::String(text.clone()),
            Self::Scalar(value) => value.clone(),
        }
    }

    /// The object with another member at its end.
    pub(crate) fn and(mut self, member: impl Into<Member>) -> Self {
        if let Self::Map(members) = &mut self {
            members.push(member.into());
        }
        self
    }
}

impl Member {
    /// The member with a comment.
    pub(crate) const fn why(mut self, why: &'static str) -> Self {
        self.why = why;
        self
    }
}

/// An object.
pub(crate) fn map<const N: usize>(members: [Member; N]) -> Node {
    Node::Map(members.into())
}

/// A member of an object.
pub(crate) fn member(name: &str, value: impl Into<Node>) -> Member {
    Member {
        name: name.to_owned(),
        value: value.into(),
        why: "",
    }
}

/// A list.
pub(crate) fn list<T: Into<Node>>(items: impl IntoIterator<Item = T>) -> Node {
    Node::List(items.into_iter().map(Into::into).collect())
}

/// A message of protobuf in an `Any` (`@type`).
pub(crate) fn typed(name: &str, members: impl IntoIterator<Item = Member>) -> Node {
    let kind = member("@type", format!("type.googleapis.com/{name}"));
    Node::Map(std::iter::once(kind).chain(members).collect())
}

impl From<Value> for Node {
    /// The members that say what an object is come first.
    fn from(value: Value) -> Self {
        match value {
            Value::Object(members) => {
                let rank = |name: &str| match name {
                    "@type" => 0,
                    "name" => 1,
                    _ => 2,
                };
                let mut members: Vec<Member> = members
                    .into_iter()
                    .map(|(name, value)| member(&name, value))
                    .collect();
                members.sort_by_key(|member| rank(&member.name));
                Self::Map(members)
            }
            Value::Array(items) => list(items),
            Value::String(text) => Self::from(text),
            other => Self::Scalar(other),
        }
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        if text.trim_end_matches('\n').contains('\n') {
            Self::Text(text)
        } else {
            Self::Scalar(Value::String(text))
        }
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<u32> for Node {
    fn from(number: u32) -> Self {
        Self::Scalar(number.into())
    }
}

impl From<u16> for Node {
    fn from(number: u16) -> Self {
        Self::Scalar(number.into())
    }
}

impl From<bool> for Node {
    fn from(flag: bool) -> Self {
        Self::Scalar(flag.into())
    }
}
