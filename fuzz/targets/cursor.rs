//! The cursor of a page: refused, or exactly one that we gave.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| stayhook_api::fuzzing::cursor(text));
