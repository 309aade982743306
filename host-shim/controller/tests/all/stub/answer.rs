//! Answers of the stub.

use serde_json::{Value, json};

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(super) status: u16,
    pub(super) text: String,
    pub(super) retry_after: Option<u64>,
}

impl Answer {
    pub(super) fn text(status: u16, text: String) -> Self {
        Self {
            status,
            text,
            retry_after: None,
        }
    }

    pub(super) fn object(status: u16, object: &Value) -> Self {
        Self::text(status, written(object))
    }

    pub(super) fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// Returns it without the content of objects, if only metadata is wanted.
    pub(super) fn seen(self, only_metadata: bool) -> Self {
        if !only_metadata || self.status >= 300 {
            return self;
        }
        let body = self.body();
        let text = match body.get("items").and_then(Value::as_array) {
            None => metadata(&body),
            Some(items) => json!({
                "apiVersion": "meta.k8s.io/v1",
                "kind": "PartialObjectMetadataList",
                "metadata": body["metadata"],
                "items": items.iter().map(metadata).collect::<Vec<_>>(),
            }),
        };
        Self {
            text: written(&text),
            ..self
        }
    }
}

/// JSON as Go writes it: characters of HTML are six bytes each.
pub(super) fn written(value: &Value) -> String {
    let text = value.to_string();
    let text = text.replace('<', "\\u003c").replace('>', "\\u003e");
    text.replace('&', "\\u0026")
}

fn metadata(object: &Value) -> Value {
    json!({
        "apiVersion": "meta.k8s.io/v1",
        "kind": "PartialObjectMetadata",
        "metadata": object["metadata"],
    })
}

/// Returns a Status (`meta/v1`).
pub(super) fn refusal(status: u16, reason: &str, message: &str, seconds: Option<u64>) -> Answer {
    let body = json!({
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "metadata": {},
        "code": status,
        "reason": reason,
        "message": message,
    });
    Answer {
        retry_after: seconds,
        ..Answer::object(status, &body)
    }
}
