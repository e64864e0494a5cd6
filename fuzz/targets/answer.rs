//! What a receiver sends back: whatever it is, it ends, is bounded, and means one thing.
#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use stayhook_core::Span;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: RefCell<Runtime> =
        RefCell::new(Builder::new_current_thread().enable_time().build().expect("a runtime"));
}

/// As for the log.
const KEEP: usize = stayhook_courier::MAX_BODY_KEPT;

fuzz_target!(|bytes: &[u8]| {
    let answer =
        RUNTIME.with_borrow(|runtime| runtime.block_on(stayhook_courier::fuzzing::answer(bytes, KEEP)));
    if let Some(fault) = answer.fault() {
        assert!(!fault.class.is_ours(), "{fault}");
        assert!(fault.words.len() < 1024 && !fault.words.contains(char::is_control), "{fault}");
    }
    assert_eq!(answer.is_success(), answer.fault().is_none());
    if let stayhook_courier::Answer::Replied(reply) = answer {
        assert!(reply.body.len() <= KEEP && (100..1000).contains(&reply.status));
        assert!(reply.retry_after.unwrap_or_default() <= Span::days(30));
    }
});
