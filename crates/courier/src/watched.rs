//! A stream that knows what it is waiting for.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::deadline::Phase;

/// How far an exchange has come, seen from its stream.
#[derive(Default)]
pub(crate) struct Progress {
    /// The receiver takes no more of what is being sent.
    blocked: AtomicBool,
    /// Something of the response has come.
    heard: AtomicBool,
}

impl Progress {
    /// Another request begins.
    pub(crate) fn begin(&self) {
        self.heard.store(false, Ordering::Relaxed);
    }

    /// What is being waited for.
    pub(crate) fn phase(&self) -> Phase {
        if self.heard.load(Ordering::Relaxed) {
            Phase::Headers
        } else if self.blocked.load(Ordering::Relaxed) {
            Phase::Request
        } else {
            Phase::Response
        }
    }

    fn wrote<T>(&self, outcome: Poll<T>) -> Poll<T> {
        self.blocked.store(outcome.is_pending(), Ordering::Relaxed);
        outcome
    }
}

/// A stream, and where its progress is noted.
pub(crate) struct Watched<S> {
    pub(crate) stream: S,
    pub(crate) progress: Arc<Progress>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.progress.heard.store(true, Ordering::Relaxed);
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.progress.wrote(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.progress.wrote(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        self.progress.wrote(outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
