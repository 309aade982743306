//! JSON in the form that CEL reads, converted once and shared.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use cel_interpreter::ExecutionError;
use cel_interpreter::common::traits::{Container, Indexer, Iterable, Sizer, Zeroer};
use cel_interpreter::common::types::{
    CelBool, CelDouble, CelList, CelMap, CelMapKey, CelNull, CelString, CelTimestamp, Type,
};
use cel_interpreter::common::value::{Builtin, BuiltinRef, CowVal, StaticVal, Val};
use chrono::{DateTime, FixedOffset};
use serde_json::Value as Json;

use super::evaluation::Evaluation;
use super::members::Members;

/// An object that expressions read; cloning shares it.
#[derive(Clone, Default)]
pub struct Document(Option<Arc<CelMap<'static>>>);

impl Document {
    /// The document without members.
    #[must_use]
    pub const fn empty() -> Self {
        Self(None)
    }

    /// A JSON object; its numbers become doubles, as JSON means them and zot reads them.
    #[must_use]
    pub fn from_claims(claims: &serde_json::Map<String, Json>) -> Self {
        Self::from_some_claims(claims, &Members::All)
    }

    /// The same with some of its members: tokens have many, expressions read few.
    #[must_use]
    pub fn from_some_claims(claims: &serde_json::Map<String, Json>, some: &Members) -> Self {
        Self(Some(Arc::new(object(claims, some))))
    }

    pub(super) fn to_value(&self) -> Box<dyn Val> {
        match &self.0 {
            Some(map) => Box::new(Shared {
                map: Arc::clone(map),
                evaluation: None,
            }),
            None => Box::new(CelMap::default()),
        }
    }

    /// The document as the variable of an evaluation, which functions find in it.
    pub(super) fn to_root(&self, evaluation: Evaluation) -> Box<dyn Val> {
        let map = self.0.as_ref().map(Arc::clone).unwrap_or_default();
        Box::new(Shared {
            map,
            evaluation: Some(evaluation),
        })
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Document([redacted])")
    }
}

/// Builds a document member by member.
#[derive(Default)]
pub struct Map(HashMap<CelMapKey<'static>, Box<dyn Val>>);

impl Map {
    /// A string.
    #[must_use]
    pub fn text(self, name: &'static str, value: impl Into<String>) -> Self {
        self.with(name, Box::new(CelString::from(value.into())))
    }

    /// A bool.
    #[must_use]
    pub fn bool(self, name: &'static str, value: bool) -> Self {
        self.with(name, Box::new(CelBool::from(value)))
    }

    /// A list of strings.
    #[must_use]
    pub fn texts(self, name: &'static str, values: impl IntoIterator<Item = String>) -> Self {
        let list: Vec<Box<dyn Val>> = values
            .into_iter()
            .map(|value| Box::new(CelString::from(value)) as Box<dyn Val>)
            .collect();
        self.with(name, Box::new(CelList::from(list)))
    }

    /// A timestamp in UTC, from milliseconds since the epoch; the epoch itself when they are out of
    /// CEL's range.
    #[must_use]
    pub fn time(self, name: &'static str, unix_millis: i64) -> Self {
        let utc: DateTime<FixedOffset> = DateTime::from_timestamp_millis(unix_millis)
            .unwrap_or_default()
            .into();
        self.with(name, Box::new(CelTimestamp::from(utc)))
    }

    /// An object.
    #[must_use]
    pub fn map(self, name: &'static str, map: Self) -> Self {
        self.with(name, Box::new(CelMap::from(map.0)))
    }

    /// A document, shared and not copied.
    #[must_use]
    pub fn document(self, name: &'static str, document: &Document) -> Self {
        self.with(name, document.to_value())
    }

    /// The document.
    #[must_use]
    pub fn build(self) -> Document {
        Document(Some(Arc::new(CelMap::from(self.0))))
    }

    fn with(mut self, name: &'static str, value: Box<dyn Val>) -> Self {
        self.0.insert(CelMapKey::from(name.to_owned()), value);
        self
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Map([redacted])")
    }
}

fn object(members: &serde_json::Map<String, Json>, some: &Members) -> CelMap<'static> {
    let some = members.iter().filter(|(name, _)| some.contains(name));
    let entries: HashMap<CelMapKey<'static>, Box<dyn Val>> = some
        .map(|(name, value)| (CelMapKey::from(name.clone()), convert(value)))
        .collect();
    CelMap::from(entries)
}

/// Recursion is as deep as the JSON nests, which its parser bounds.
fn convert(json: &Json) -> Box<dyn Val> {
    match json {
        Json::Null => Box::new(CelNull),
        Json::Bool(value) => Box::new(CelBool::from(*value)),
        Json::Number(number) => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        Json::String(text) => Box::new(CelString::from(text.clone())),
        Json::Array(items) => {
            Box::new(CelList::from(items.iter().map(convert).collect::<Vec<_>>()))
        }
        Json::Object(members) => Box::new(object(members, &Members::All)),
    }
}

/// A map that many evaluations share: all it can do is what the map inside can do.
#[derive(Debug)]
pub(super) struct Shared {
    map: Arc<CelMap<'static>>,
    /// Of the document of an evaluation; what is inside of documents has none.
    evaluation: Option<Evaluation>,
}

impl Shared {
    pub(super) const fn evaluation(&self) -> Option<&Evaluation> {
        self.evaluation.as_ref()
    }
}

impl Evaluation {
    /// The evaluation in the last argument of a function.
    pub(super) fn of<'a>(argument: Option<&'a CowVal<'_, '_>>) -> Result<&'a Self, ExecutionError> {
        let document = argument.and_then(|argument| argument.downcast_ref::<Shared>());
        document
            .and_then(Shared::evaluation)
            .ok_or_else(|| ExecutionError::no_such_overload("evaluation", Vec::new()))
    }

    /// The evaluation in the last argument of a function, and the arguments before it.
    pub(super) fn split<'a, 'b, 'v>(
        args: &'a [CowVal<'b, 'v>],
    ) -> Result<(&'a Self, &'a [CowVal<'b, 'v>]), ExecutionError> {
        let (last, args) = args.split_last().unzip();
        Ok((Self::of(last)?, args.unwrap_or_default()))
    }
}

impl StaticVal for Shared {}

impl Val for Shared {
    fn get_type(&self) -> &Type {
        self.map.get_type()
    }

    fn cel_type() -> &'static Type {
        CelMap::cel_type()
    }

    fn as_container(&self) -> Option<&dyn Container> {
        self.map.as_container()
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        self.map.as_indexer()
    }

    fn into_indexer<'v>(self: Box<Self>) -> Option<Box<dyn Indexer + 'v>>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        self.map.as_iterable()
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        self.map.as_sizer()
    }

    fn as_zeroer(&self) -> Option<&dyn Zeroer> {
        self.map.as_zeroer()
    }

    fn equals(&self, other: &dyn Val) -> bool {
        self.map.equals(other)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(Self {
            map: Arc::clone(&self.map),
            evaluation: None,
        })
    }

    /// For [`Evaluation::of`]; as a map it is recognised by [`Val::as_builtin`].
    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }

    fn as_builtin<'b, 'v>(&'b self) -> BuiltinRef<'b, 'v>
    where
        Self: 'v,
    {
        self.map.as_builtin()
    }

    fn into_builtin<'v>(self: Box<Self>) -> Option<Builtin<'v>>
    where
        Self: 'v,
    {
        Some(Builtin::Map(Arc::unwrap_or_clone(self.map)))
    }
}

impl Indexer for Shared {
    fn get<'b, 'v>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.map.get(key)
    }

    fn steal<'v>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        // Others may hold the map, so that nothing can be taken out of it.
        self.map.get(key).map(CowVal::into_owned)
    }
}

#[cfg(test)]
mod tests;
