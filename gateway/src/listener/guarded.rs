//! A connection that fails when its client takes nothing for too long, and on which every refusal is a
//! problem: also those of the HTTP library, which knows no bodies.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::refusal::Refusals;

/// The stream of a connection. A reader that stalls must not hold memory and a place for ever.
pub(super) struct Guarded {
    stream: Arc<TcpStream>,
    /// Whether the client has sent something since the last request was handed on.
    asked: Arc<AtomicBool>,
    patience: Duration,
    refusals: Refusals,
    /// A refusal that stands in for the library's, as far as it is not written yet.
    refusal: Vec<u8>,
    stalled: Option<Pin<Box<Sleep>>>,
}

/// Tells the client that nothing more comes.
pub(super) fn end_writing(stream: &TcpStream) -> Result<()> {
    let own = stream.as_fd().try_clone_to_owned()?;
    match std::net::TcpStream::from(own).shutdown(Shutdown::Write) {
        Err(error) if error.kind() == ErrorKind::NotConnected => Ok(()),
        done => done,
    }
}

impl Guarded {
    pub(super) fn new(
        stream: Arc<TcpStream>,
        asked: Arc<AtomicBool>,
        patience: Duration,
        refusals: Refusals,
    ) -> Self {
        Self {
            stream,
            asked,
            patience,
            refusals,
            refusal: vec![],
            stalled: None,
        }
    }

    /// Takes a refusal of the library's, if `bytes` are one, to write ours in its place.
    fn replaces(&mut self, bytes: &[u8]) -> bool {
        if !self.asked.load(Ordering::Relaxed) {
            return false;
        }
        match self.refusals.instead_of(bytes) {
            Some(refusal) => {
                self.refusal = refusal;
                true
            }
            None => false,
        }
    }

    fn poll_refusal(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        while !self.refusal.is_empty() {
            let refusal = std::mem::take(&mut self.refusal);
            let polled = self.poll_bytes(context, |stream| stream.try_write(&refusal));
            self.refusal = refusal;
            let written = ready!(polled)?;
            self.refusal.drain(..written);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_bytes(
        &mut self,
        context: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> Result<usize>,
    ) -> Poll<Result<usize>> {
        loop {
            let writable = self.stream.poll_write_ready(context);
            if writable.is_pending() {
                return self.has_stalled(context);
            }
            ready!(writable)?;
            match write(&self.stream) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => {
                    self.stalled = None;
                    return Poll::Ready(done);
                }
            }
        }
    }

    fn has_stalled<T>(&mut self, context: &mut Context<'_>) -> Poll<Result<T>> {
        let patience = self.patience;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + patience)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(Error::from(ErrorKind::TimedOut)))
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(context))?;
            match self.stream.try_read_buf(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(read) => {
                    if read > 0 {
                        self.asked.store(true, Ordering::Relaxed);
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        ready!(self.poll_refusal(context))?;
        if self.replaces(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        self.poll_bytes(context, |stream| stream.try_write(bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_refusal(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.poll_refusal(context))?;
        Poll::Ready(end_writing(&self.stream))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        ready!(self.poll_refusal(context))?;
        if let [only] = parts
            && self.replaces(only)
        {
            return Poll::Ready(Ok(only.len()));
        }
        self.poll_bytes(context, |stream| stream.try_write_vectored(parts))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}
