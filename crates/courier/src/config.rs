//! What a courier needs to know, and why it cannot start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use stayhook_core::{AddressRules, Span};

/// How a courier works.
#[derive(Clone, Debug)]
pub struct CourierConfig {
    /// The time limit of one attempt: DNS, connect, TLS, request and answer.
    pub timeout: Span,
    /// The addresses that may be connected to.
    pub addresses: AddressRules,
    /// The name servers to ask; none means those of the system's resolver configuration.
    pub nameservers: Vec<SocketAddr>,
    /// A PEM file with roots to trust besides the public ones.
    pub ca_file: Option<PathBuf>,
}

/// Why a courier cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CourierError {
    /// The system's resolver configuration is missing or broken.
    #[error("cannot read the system's resolver configuration ({0}): repair it or set egress.nameservers")]
    Resolver(String),
    /// The file of trusted roots cannot be read.
    #[error("cannot read egress.ca_file {path}: {reason}")]
    CaFileUnreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The file of trusted roots holds none, or holds something else.
    #[error("egress.ca_file {path} is not a PEM file of CA certificates: {reason}")]
    CaFileInvalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The TLS library refuses its configuration.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}
