//! `stayhook profile preview`

use std::path::PathBuf;

use http::HeaderValue;
use stayhook_core::{
    BookingId, EventId, EventType, JSON_DEPTH_LIMIT, Json, PropertyId, SigningSecret, WebhookId,
};
use stayhook_engine::Dice as _;
use stayhook_profile::{AuthKind, EventFacts, Preview, Profile, basic_authorization, bearer_authorization};

use super::find;
use crate::clock::{self, SystemDice};
use crate::commands::read_input;
use crate::config::ConfigArgs;
use crate::outcome::{Answer, Outcome, Trouble, complain, print};

/// Print the exact request that would be sent under a profile, signed with a throw-away secret
///
/// The request goes to stdout, byte for byte; the secret to stderr. Nothing is sent.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The profile's name
    name: String,

    /// Type of the event, such as booking.created
    #[arg(long = "type", value_name = "TYPE")]
    kind: String,

    /// Property of the event
    #[arg(long, default_value_t = 101)]
    property: i64,

    /// Booking of the event: a whole number, or a text
    #[arg(long)]
    booking: Option<String>,

    /// URL of the webhook [default: an example of the profile's]
    #[arg(long)]
    url: Option<String>,

    /// As for a webhook that wants custom parameters
    #[arg(long)]
    custom_parameters: bool,

    /// The data object; - for stdin
    file: PathBuf,

    #[command(flatten)]
    config: ConfigArgs,
}

/// The number of a webhook that is none.
const WEBHOOK: WebhookId = WebhookId(1);

pub(super) fn run(args: &Args) -> Outcome {
    let config = args.config.load(Vec::new())?;
    let profile = find(&config, &args.name)?;
    let trouble = |option: &'static str| {
        move |error: &dyn std::fmt::Display| Trouble::new(format!("{option}: {error}"))
    };
    let kind = EventType::parse(&args.kind).map_err(|error| trouble("--type")(&error))?;
    let property = PropertyId::new(args.property).map_err(|error| trouble("--property")(&error))?;
    let booking = args.booking.as_deref().map(booking).transpose()?;
    let raw = read_input(&args.file)?;
    let raw = raw.trim_ascii();
    let data = object(raw)?;
    let (now, secret) = (clock::now(), SigningSecret::from_entropy(SystemDice.secret()));
    let facts = EventFacts {
        id: EventId::new(now, SystemDice.entropy()),
        kind: &kind,
        created_at: now,
        property,
        booking: booking.as_ref(),
    };
    let authorization = authorization(&profile);
    let preview = Preview {
        url: args.url.as_deref(),
        rules: &config.egress.rules,
        webhook: WEBHOOK,
        secret: &secret,
        now,
        facts,
        data: &data,
        raw,
        include_custom_parameters: args.custom_parameters,
        authorization: authorization.as_ref(),
    };
    let request = profile.preview(&preview).map_err(|error| trouble("--url")(&error))?;
    print(&request);
    complain(&told(&profile, &secret));
    Ok(Answer::Yes)
}

fn told(profile: &Profile, secret: &SigningSecret) -> String {
    if profile.is_signed() {
        format!("signed with the throw-away secret {}", secret.expose())
    } else {
        format!("the profile {} does not sign", profile.name())
    }
}

fn booking(text: &str) -> Result<BookingId, Trouble> {
    let id = text.parse().map_or_else(|_| BookingId::text(text), BookingId::number);
    id.map_err(|error| Trouble::new(format!("--booking: {error}")))
}

fn object(raw: &[u8]) -> Result<Json, Trouble> {
    let data = Json::parse(raw, JSON_DEPTH_LIMIT).map_err(|error| Trouble::new(format!("FILE: {error}")))?;
    match data.as_object() {
        Some(_) => Ok(data),
        None => Err(Trouble::new("FILE: holds no JSON object, which the data of an event is")),
    }
}

/// Throw-away credentials, where the profile's requests bear some in any case.
fn authorization(profile: &Profile) -> Option<HeaderValue> {
    use stayhook_profile::DeploymentAuth::Basic;

    let auth = profile.auth();
    let basic = match auth.deployment() {
        Some(own) => matches!(own, Basic { .. }),
        None if auth.requires_credentials() => auth.kinds() == [AuthKind::Basic],
        None => return None,
    };
    if basic { Some(basic_authorization("user", "throw-away")) } else { bearer_authorization("throw-away") }
}
