//! The tests of this package are in its test binaries.
