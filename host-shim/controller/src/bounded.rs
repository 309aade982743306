//! Answers of the API server with a bound: what is read of one is kept in memory as a whole.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::body::{Bytes, Frame};
use kube::Client;
use kube::client::Body;
use tower::{BoxError, service_fn};

/// The longest line, in bytes. An answer is one line; a watch has one for each event.
pub(crate) const MAX_LINE: usize = 16 << 20;

/// How many objects of a list there are in an answer. Each may have a megabyte and a half, and an
/// answer is read to its end before the first of them is decoded.
pub(crate) const PAGE: u32 = 8;

/// Returns a client for which an answer with a longer line is a broken connection.
pub(crate) fn client(inner: Client) -> Client {
    let namespace = inner.default_namespace().to_owned();
    let service = service_fn(move |request| {
        let inner = inner.clone();
        async move {
            let response = inner.send(request).await?;
            Ok::<_, kube::Error>(response.map(|body| Bounded {
                body,
                line: 0,
                longest: MAX_LINE,
            }))
        }
    });
    Client::new(service, namespace)
}

/// A body without lines that are too long.
struct Bounded {
    body: Body,
    /// How much there is of the last line.
    line: usize,
    longest: usize,
}

impl Bounded {
    fn is_short(&mut self, data: &[u8]) -> bool {
        let mut is_first = true;
        data.split(|byte| *byte == b'\n').all(|piece| {
            let before = if std::mem::take(&mut is_first) {
                self.line
            } else {
                0
            };
            self.line = before.saturating_add(piece.len());
            self.line <= self.longest
        })
    }
}

impl hyper::body::Body for Bounded {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && !self.is_short(data)
        {
            return Poll::Ready(Some(Err("the answer is too long".into())));
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_line_that_is_too_long_breaks_off() {
        let rows = [
            ("", true),
            ("1234", true),
            ("1234\n1234\n\n1", true),
            ("12345", false),
            ("1\n12345\n1", false),
            ("1\n12345", false),
        ];
        for (text, is_whole) in rows {
            let bounded = Bounded {
                body: Body::from(text.as_bytes().to_vec()),
                line: 0,
                longest: 4,
            };
            assert_eq!(bounded.collect().await.is_ok(), is_whole, "{text:?}");
        }
        // Across pieces too.
        let mut bounded = Bounded {
            body: Body::empty(),
            line: 0,
            longest: 4,
        };
        assert!(bounded.is_short(b"1\n12") && bounded.is_short(b"34\n12"));
        assert!(!bounded.is_short(b"345"));
    }
}
