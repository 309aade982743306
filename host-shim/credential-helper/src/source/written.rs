//! A source as it is written in JSON.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::{NAMES, Source};

/// `"NAME"`, `{"NAME": "ARGUMENT"}`, or `{"exec": ["PROGRAM", "ARGUMENT"]}`.
impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

struct SourceVisitor;

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = Source;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "the name of a source, or an object with one member: its name and its argument",
        )
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Source, E> {
        Source::named(text, None).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Source, A::Error> {
        let Some((name, argument)) = map.next_entry::<String, Argument>()? else {
            return Err(A::Error::custom(format!(
                "a source has a name: write {NAMES}"
            )));
        };
        if map.next_key::<String>()?.is_some() {
            return Err(A::Error::custom(
                "a registry has one source: write one member",
            ));
        }
        let source = match (name.as_str(), argument) {
            ("exec", Argument::List(words)) => Source::program(words),
            (_, Argument::List(_)) => return Err(A::Error::custom("only `exec` takes a list")),
            (name, Argument::Text(text)) => Source::named(name, Some(&text)),
        };
        source.map_err(A::Error::custom)
    }
}

/// What a source needs.
enum Argument {
    Text(String),
    List(Vec<String>),
}

impl<'de> Deserialize<'de> for Argument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ArgumentVisitor)
    }
}

struct ArgumentVisitor;

impl<'de> Visitor<'de> for ArgumentVisitor {
    type Value = Argument;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, or for `exec` a list of texts")
    }

    fn visit_str<E>(self, text: &str) -> Result<Argument, E> {
        Ok(Argument::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Argument, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = seq.next_element()? {
            words.push(word);
        }
        Ok(Argument::List(words))
    }
}
