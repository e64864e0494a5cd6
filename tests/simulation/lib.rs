//! The simulation is in this package's test binary.
