//! A body that reports its end, whether it was read to the end or given up.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::HttpBody;
use hyper::body::{Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A body, and what is done when it is dropped. hyper and the routes drop a body when they need no more of it.
    pub(super) struct Ending<B, F: FnOnce()> {
        #[pin]
        body: B,
        then: Then<F>,
    }
}

struct Then<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for Then<F> {
    fn drop(&mut self) {
        if let Some(then) = self.0.take() {
            then();
        }
    }
}

impl<B, F: FnOnce()> Ending<B, F> {
    pub(super) fn new(body: B, then: F) -> Self {
        Self { body, then: Then(Some(then)) }
    }
}

impl<B: HttpBody, F: FnOnce()> HttpBody for Ending<B, F> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
