//! Panics of the host's own, in its code or in an embedder's: they end one call, and not what called it.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

/// Does some work; where it panics, what was said.
///
/// Whatever the work was about must go with it: nothing says in which state a panic left it.
pub(crate) async fn caught<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let mut work = pin!(work);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(said(panic.as_ref()))),
    })
    .await
}

fn said(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    let words = words.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("it panicked: {}", words.as_deref().unwrap_or("without a word"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_in_its_own_words() {
        assert_eq!(caught(async { 1 }).await, Ok(1));
        let panicking = async |words: &str| -> Result<(), String> { caught(async { panic!("{words}") }).await };
        assert_eq!(panicking("boom").await, Err("it panicked: boom".into()));
        let late = async {
            tokio::task::yield_now().await;
            std::panic::panic_any(1)
        };
        assert_eq!(caught::<()>(late).await, Err("it panicked: without a word".into()));
    }
}
