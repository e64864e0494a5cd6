//! `stayhook verify`

use std::path::PathBuf;

use stayhook_core::{SigningSecret, diagnose};

use super::read_input;
use crate::clock;
use crate::outcome::{Answer, Outcome, Trouble, say};

/// Say whether a signature is right, and name the mistake when it is not
///
/// Exits 1 when it is wrong.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The webhook's signing secret, whole: whsec_…
    #[arg(long)]
    secret: String,

    /// The text of the header Nowistay-Webhook-Timestamp: Unix seconds
    #[arg(long, allow_negative_numbers = true)]
    timestamp: i64,

    /// The text of the header Nowistay-Webhook-Event-Id
    #[arg(long, allow_hyphen_values = true)]
    event_id: String,

    /// The signature in question: v1=…
    #[arg(long, allow_hyphen_values = true)]
    signature: String,

    /// The body as it was received, byte for byte; - for stdin
    file: PathBuf,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let secret =
        SigningSecret::parse(&args.secret).map_err(|error| Trouble::new(format!("--secret: {error}")))?;
    let body = read_input(&args.file)?;
    let diagnosis = diagnose(&secret, args.timestamp, &args.event_id, &args.signature, &body, clock::now());
    say(&diagnosis.to_string());
    Ok(if diagnosis.is_right() { Answer::Yes } else { Answer::No })
}
