//! The benches of this package are in its bench binaries.
