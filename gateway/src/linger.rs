//! Reading on after a refusal, so that the client gets to see it.
//!
//! A server that answers and hangs up while the client still sends makes the client see a broken
//! connection instead of the answer. So what a handler leaves unread is read and thrown away, for a
//! while and up to a size.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures::{Stream, StreamExt};
use tokio_util::task::TaskTracker;

use crate::app::App;

const LONGEST: Duration = Duration::from_secs(5);
const LARGEST: usize = 64 * 1024 * 1024;

/// Middleware for routes that take large bodies.
pub(crate) async fn linger(State(app): State<App>, request: Request, next: Next) -> Response {
    let tasks = app.tasks.clone();
    let request = request.map(|body| {
        Body::from_stream(Lingering {
            unread: Some(body.into_data_stream()),
            tasks,
        })
    });
    next.run(request).await
}

struct Lingering {
    unread: Option<BodyDataStream>,
    tasks: TaskTracker,
}

impl Stream for Lingering {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = &mut self.unread else {
            return Poll::Ready(None);
        };
        let polled = body.poll_next_unpin(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.unread = None;
        }
        polled
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if let Some(body) = self.unread.take() {
            self.tasks
                .spawn(tokio::time::timeout(LONGEST, throw_away(body)));
        }
    }
}

async fn throw_away(mut body: BodyDataStream) {
    let mut thrown = 0;
    while let Some(Ok(bytes)) = body.next().await {
        thrown += bytes.len();
        if thrown > LARGEST {
            return;
        }
    }
}
