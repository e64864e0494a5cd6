//! What the operator sees: log lines on stderr, and metrics.

use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use metrics_exporter_prometheus::PrometheusBuilder;
use tracing_subscriber::EnvFilter;

use crate::outcome::Trouble;

/// Options of every command.
#[derive(clap::Args)]
pub(crate) struct LogArgs {
    /// Log level, or a filter such as info,stayhook_courier=debug [default: info for serve, else warn]
    #[arg(long, global = true, value_name = "FILTER", env = "STAYHOOK_LOG")]
    log: Option<String>,

    /// How log lines are written
    #[arg(long, global = true, value_name = "FORMAT", env = "STAYHOOK_LOG_FORMAT", default_value = "plain")]
    log_format: LogFormat,

    /// What other programs of this ecosystem read; --log wins.
    #[arg(long, global = true, hide = true, env = "RUST_LOG")]
    rust_log: Option<String>,
}

/// How log lines are written.
#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    /// For people
    Plain,
    /// One JSON object a line
    Json,
}

/// Starts logging to stderr.
pub(crate) fn start(args: &LogArgs, default: &str) -> Result<(), Trouble> {
    let asked = [("--log", &args.log), ("RUST_LOG", &args.rust_log)];
    let asked = asked.into_iter().find_map(|(name, text)| Some((name, text.as_deref()?)));
    let (name, text) = asked.filter(|(_, text)| !text.is_empty()).unwrap_or(("--log", default));
    let filter = EnvFilter::try_new(text)
        .map_err(|error| Trouble::new(format!("{name}: {text:?} is no log level or filter ({error})")))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Careless(io::stderr()));
    match args.log_format {
        LogFormat::Plain => lines.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}

/// A log that cannot be written (a full disk, a closed pipe) is no reason to stop: the line is
/// lost, and nothing else. Reporting it to the same place would only fail again.
struct Careless<W>(W);

impl<W: Write> Write for Careless<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = self.0.write_all(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

/// Renders all metrics in Prometheus' text format.
pub(crate) type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// Starts counting. Called once, inside of the runtime.
pub(crate) fn metrics() -> Result<Render, Trouble> {
    /// How often samples of histograms that nobody scrapes are folded together.
    const UPKEEP: Duration = Duration::from_secs(5);

    let handle = PrometheusBuilder::new()
        .install_recorder()
        .map_err(|error| Trouble::new(format!("metrics cannot start: {error}")))?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    });
    Ok(Arc::new(move || handle.render()))
}
