//! `stayhook serve`

mod dev;

use std::sync::Arc;

use stayhook_store::Store;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{Config, ConfigArgs, Flag};
use crate::database::{self, Use};
use crate::node::{Node, Sockets};
use crate::outcome::{Answer, Outcome, Trouble, say};
use crate::telemetry;

/// Run the API, the workers and maintenance in one process
///
/// Applies migrations, prints the address. SIGTERM or SIGINT drains attempts in flight (10 s at
/// most) and exits 0; a second one ends it at once, with exit code 1.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// For a laptop: database in ./stayhook-dev/, http and loopback receivers allowed, prints a
    /// token and commands to paste
    #[arg(long)]
    dev: bool,

    /// Address of the API, instead of server.listen
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,

    /// Address of /internal, /admin and /metrics, instead of server.admin_listen
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<String>,

    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) async fn run(args: Args) -> Outcome {
    let config = args.config.load(flags(&args))?;
    let mut signals = Signals::listen()?;
    let sockets = Sockets::bind(&config).await?;
    if args.dev {
        dev::make_directory()?;
    }
    let store: Arc<dyn Store> = database::open(&config, Use::Server).await?;
    let node = Node::start(&config, sockets, Arc::clone(&store), telemetry::metrics()?).await?;
    announce(&config, &node);
    if args.dev {
        dev::introduce(store.as_ref(), &node).await?;
    }
    drop(store);
    tokio::select! {
        () = signals.next() => {}
        () = node.broken() => {
            tracing::error!("stopped by a fault of the program itself: start it again, nothing acknowledged is lost");
            return Ok(Answer::No);
        }
    }
    tracing::info!("stopping: attempts in flight are finished first; a second signal stops at once");
    tokio::select! {
        () = node.shutdown() => {
            tracing::info!("stopped");
            Ok(Answer::Yes)
        }
        () = signals.next() => {
            tracing::warn!("stopped at once: deliveries in flight will be repeated");
            Ok(Answer::No)
        }
    }
}

/// What `--dev`, `--listen` and `--admin-listen` set.
fn flags(args: &Args) -> Vec<Flag> {
    let mut flags = if args.dev { dev::flags() } else { Vec::new() };
    let given = [
        ("--listen", "server.listen", &args.listen),
        ("--admin-listen", "server.admin_listen", &args.admin_listen),
    ];
    for (name, key, value) in given {
        flags.extend(value.iter().map(|value| Flag { name, key, value: value.clone() }));
    }
    flags
}

fn announce(config: &Config, node: &Node) {
    say(&format!("listening on http://{}", node.address()));
    if let Some(address) = node.admin_address() {
        say(&format!("admin listening on http://{address}"));
    }
    if !config.egress.addresses().allow.is_empty() {
        tracing::warn!("egress.allow is set: webhooks may reach addresses that are not public");
    }
}

/// The signals that end a server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Trouble> {
        let listen =
            |kind| signal(kind).map_err(|error| Trouble::new(format!("signals cannot be received: {error}")));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
