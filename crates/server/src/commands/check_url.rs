//! `stayhook check-url`

use stayhook_core::WebhookUrl;

use crate::config::ConfigArgs;
use crate::node;
use crate::outcome::{Answer, Outcome, Trouble, say};

/// Say whether a URL would be accepted, and which rule refuses it
///
/// Judges its text, as at registration, then the addresses of its name, as before every attempt.
/// Nothing is connected to. Exits 1 when the URL is refused.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The URL of a webhook
    url: String,

    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) async fn run(args: Args) -> Outcome {
    let config = args.config.load(Vec::new())?;
    let url = match WebhookUrl::parse(&args.url, &config.egress.rules) {
        Ok(url) => url,
        Err(error) => return Ok(refused(error.rule(), &error.to_string())),
    };
    match node::courier(&config)?.look_up(&url).await {
        Ok(addresses) => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            say(&format!("accepted: may be sent to at {}", addresses.join(", ")));
            Ok(Answer::Yes)
        }
        Err(fault) if fault.class.is_ours() => {
            Err(Trouble::new(format!("egress.nameservers: {}", fault.words)))
        }
        Err(fault) => Ok(refused(fault.class.as_str(), &fault.words)),
    }
}

fn refused(rule: &str, why: &str) -> Answer {
    say(&format!("refused ({rule}): {why}"));
    Answer::No
}
