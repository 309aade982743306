//! Reads the body of a request: not more than it may have, and not for longer than a moment.

use std::pin::pin;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes};
use tokio::time::timeout;

/// How long a body may take. The proxy sends the head on before it has the body: whoever sends that
/// slowly holds a place here meanwhile.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// What is read, and forgotten, of a body that is too long, in bytes: an answer in the middle of a
/// body would reach no client, as the proxy is still sending.
const MAX_FORGOTTEN: usize = 8 * 1024 * 1024;

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is longer than it may be.
    TooLong,
    /// It broke off.
    Broken,
    /// It took too long.
    TooSlow,
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn read<B>(body: B, limit: usize) -> Result<Bytes, Unread>
where
    B: Body<Data = Bytes> + Send,
{
    let whole = timeout(PATIENCE, whole(body, limit)).await;
    whole.unwrap_or(Err(Unread::TooSlow))
}

async fn whole<B>(body: B, limit: usize) -> Result<Bytes, Unread>
where
    B: Body<Data = Bytes> + Send,
{
    let mut body = pin!(body);
    let (mut read, mut length) = (Vec::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Unread::Broken)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        length = length.saturating_add(data.len());
        if length > MAX_FORGOTTEN {
            return Err(Unread::TooLong);
        }
        if length <= limit {
            read.extend_from_slice(&data);
        }
    }
    if length > limit {
        return Err(Unread::TooLong);
    }
    Ok(Bytes::from(read))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::*;

    /// Frames of some bytes each, counted as they are taken; then the end, or nothing ever.
    struct Frames {
        left: Vec<usize>,
        ends: bool,
        taken: Arc<AtomicUsize>,
    }

    impl Body for Frames {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.left.pop() {
                Some(length) => {
                    self.taken.fetch_add(length, Ordering::Relaxed);
                    Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'x'; length])))))
                }
                None if self.ends => Poll::Ready(None),
                None => Poll::Pending,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_has_a_length_and_a_time() {
        let mega = 1024 * 1024;
        // (frames, whether it ends, the result or its length, the bytes that were taken)
        let rows = [
            (vec![], true, Ok(0), 0),
            (vec![5, 5], true, Ok(10), 10),
            (vec![5, 6], true, Err(Unread::TooLong), 11),
            (vec![mega; 3], true, Err(Unread::TooLong), 3 * mega),
            (vec![mega; 20], true, Err(Unread::TooLong), 9 * mega),
            (vec![], false, Err(Unread::TooSlow), 0),
            (vec![5], false, Err(Unread::TooSlow), 5),
        ];
        for (left, ends, expected, taken_expected) in rows {
            let taken = Arc::new(AtomicUsize::new(0));
            let name = format!("{} {ends}", left.len());
            let frames = Frames {
                left,
                ends,
                taken: Arc::clone(&taken),
            };
            let result = read(frames, 10).await.map(|body| body.len());
            assert_eq!(result, expected, "{name}");
            assert_eq!(taken.load(Ordering::Relaxed), taken_expected, "{name}");
        }
    }
}
