//! Answers of the API server with a bound: what is read of one is kept in memory as a whole.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Frame};
use hyper::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use tower::{BoxError, service_fn};

/// The longest line, in bytes. An answer is one line; a watch has one for each event.
pub(crate) const MAX_LINE: usize = 16 << 20;

/// How many objects of a list are asked for at a time. etcd takes one of a megabyte and a half, of which JSON
/// makes up to nine (`<` is six bytes), so one is always short enough, and eight may not be.
pub(crate) const PAGE: u32 = 8;

/// Returns a client for which an answer with a longer line is a broken connection. Where [`PAGE`] objects
/// of a list are too long together, it gives the first of them alone: the next request goes on after it.
pub(crate) fn client(inner: Client) -> Client {
    let namespace = inner.default_namespace().to_owned();
    let service = service_fn(move |request| {
        let inner = inner.clone();
        async move { answer(&inner, request).await }
    });
    Client::new(service, namespace)
}

async fn answer(inner: &Client, request: Request<Body>) -> Result<Response<Bounded>, BoxError> {
    let one = one_of_list(&request);
    let response = inner.send(request).await?.map(Bounded::new);
    let Some(one) = one else {
        return Ok(response);
    };
    let (head, body) = response.into_parts();
    match body.collect().await {
        Ok(body) => {
            let body = Bounded::new(Body::from(body.to_bytes()));
            Ok(Response::from_parts(head, body))
        }
        Err(error) if error.is::<TooLong>() => Ok(inner.send(one).await?.map(Bounded::new)),
        Err(error) => Err(error),
    }
}

/// Returns the request for the first object alone, for one that asks for [`PAGE`] objects of a list.
fn one_of_list(request: &Request<Body>) -> Option<Request<Body>> {
    let uri = request.uri().to_string();
    let (path, query) = uri.split_once('?')?;
    let page = format!("limit={PAGE}");
    if request.method() != Method::GET || !query.split('&').any(|pair| pair == page) {
        return None;
    }
    let pairs = query.split('&');
    let pairs = pairs.map(|pair| if pair == page { "limit=1" } else { pair });
    let pairs: Vec<_> = pairs.collect();
    let mut one = Request::new(Body::empty());
    *one.uri_mut() = format!("{path}?{}", pairs.join("&")).parse().ok()?;
    request.headers().clone_into(one.headers_mut());
    Some(one)
}

/// A line is longer than [`MAX_LINE`].
#[derive(Debug, thiserror::Error)]
#[error("the answer is too long")]
struct TooLong;

/// A body without lines that are too long.
struct Bounded {
    body: Body,
    /// How much there is of the last line.
    line: usize,
    longest: usize,
}

impl Bounded {
    const fn new(body: Body) -> Self {
        Self {
            body,
            line: 0,
            longest: MAX_LINE,
        }
    }

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
            return Poll::Ready(Some(Err(TooLong.into())));
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_page_of_a_list_can_be_asked_for_one_by_one() {
        let rows = [
            (
                "GET",
                "/api/v1/pods?&limit=8",
                Some("/api/v1/pods?&limit=1"),
            ),
            (
                "GET",
                "/api/v1/pods?labelSelector=a%3Db&limit=8&continue=limit%3D8",
                Some("/api/v1/pods?labelSelector=a%3Db&limit=1&continue=limit%3D8"),
            ),
            ("GET", "/api/v1/pods?limit=80", None),
            ("GET", "/api/v1/pods?watch=true", None),
            ("GET", "/api/v1/pods", None),
            ("POST", "/api/v1/pods?limit=8", None),
        ];
        for (method, uri, expected) in rows {
            let request = Request::builder().method(method).uri(uri);
            let request = request.header("accept", "a/b");
            let one = one_of_list(&request.body(Body::empty()).unwrap());
            let found = one.as_ref().map(|one| one.uri().to_string());
            assert_eq!(found.as_deref(), expected, "{method} {uri}");
            assert!(one.is_none_or(|one| one.headers()["accept"] == "a/b"));
        }
    }
}
