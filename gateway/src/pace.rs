//! Bodies that come too slowly: whoever sends less than a kilobyte a second is not waited for.

use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use tokio::time::{Instant, Sleep};

use crate::app::App;
use crate::error::ApiError;

/// Bytes a second.
const SLOWEST: u64 = 1024;

/// Middleware: a body is asked for its pace in each window of time. Whatever the handler makes of a body
/// that broke off for that, the answer is 408.
pub(crate) async fn pace(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let window = app.config.connections.body;
    let too_slow = Arc::new(AtomicBool::new(false));
    let request = request.map(|body| {
        Body::from_stream(Paced {
            body: body.into_data_stream(),
            window,
            came: 0,
            ends: Box::pin(tokio::time::sleep(window)),
            too_slow: Arc::clone(&too_slow),
        })
    });
    let response = next.run(request).await;
    let refused = !response.status().is_success();
    if refused && too_slow.load(Ordering::Relaxed) {
        return ApiError::RequestTimeout.into_response();
    }
    response
}

struct Paced {
    body: BodyDataStream,
    window: Duration,
    /// Bytes within this window.
    came: u64,
    ends: Pin<Box<Sleep>>,
    too_slow: Arc<AtomicBool>,
}

impl Stream for Paced {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Poll::Ready(next) = self.body.poll_next_unpin(context) {
            if let Some(Ok(bytes)) = &next {
                self.came = self.came.saturating_add(bytes.len() as u64);
            }
            return Poll::Ready(next);
        }
        // Asked only while we wait: the time that we need ourselves is not the client's.
        ready!(self.ends.as_mut().poll(context));
        let least = (SLOWEST as f64 * self.window.as_secs_f64()) as u64;
        if self.came < least {
            self.too_slow.store(true, Ordering::Relaxed);
            let error = Error::from(ErrorKind::TimedOut);
            return Poll::Ready(Some(Err(axum::Error::new(error))));
        }
        self.came = 0;
        let next_end = Instant::now() + self.window;
        self.ends.as_mut().reset(next_end);
        // Asked once for the next end, or nobody would wake us.
        match self.ends.as_mut().poll(context) {
            Poll::Ready(()) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }
}
