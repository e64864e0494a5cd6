//! One node: a process on a runtime of its own, which runs only while it is given time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stayhook_core::{Catalogue, Span, UnixMs, UrlRules};
use stayhook_courier::Transport;
use stayhook_engine::{Engine, EngineConfig, Parts, Roles};
use stayhook_store::Store;
use tokio::runtime::{Builder, Runtime};

use crate::clock::NodeClock;
use crate::database::{Database, InModel};
use crate::dice::SeededDice;
use crate::network::{Network, Outside};
use crate::plan::Settings;
use crate::profiles::profiles;
use crate::watched::{Line, Watched};

/// When nothing happened for so many turns of the runtime, nothing will.
const QUIET: u32 = 4;

/// What a node is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Up,
    /// Its process is gone, and starts again then.
    Down {
        until: UnixMs,
    },
    /// It stands still until then.
    Frozen {
        until: UnixMs,
    },
    /// Its process comes to an end; how long it is to be down after.
    Stopping {
        down: Span,
    },
}

pub(crate) struct Node {
    /// Also the face of its clock.
    pub(crate) number: usize,
    pub(crate) condition: Condition,
    stopped: Arc<AtomicBool>,
    process: Option<Process>,
}

/// Everything in memory.
struct Process {
    engine: Engine,
    line: Arc<Line>,
    store: Arc<Watched>,
    in_model: Option<InModel>,
    /// Last: everything else is gone when its tasks are dropped.
    runtime: Runtime,
}

impl Node {
    pub(crate) fn new(number: usize) -> Self {
        let condition = Condition::Down { until: UnixMs(0) };
        Self { number, condition, stopped: Arc::default(), process: None }
    }

    /// Starts a process.
    pub(crate) fn start(&mut self, database: &Database, outside: &Arc<Outside>, settings: &Settings) {
        let runtime = Builder::new_current_thread().build().unwrap();
        let line = Arc::new(Line::default());
        let (inner, in_model) = database.open();
        let store = Arc::new(Watched {
            inner,
            outside: Arc::clone(outside),
            node: self.number,
            elsewhere: database.elsewhere(),
            line: Arc::clone(&line),
        });
        let timeline = Arc::clone(&outside.timeline);
        let parts = Parts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            transport: Arc::new(Network { outside: Arc::clone(outside), node: self.number })
                as Arc<dyn Transport>,
            clock: Arc::new(NodeClock { timeline, face: self.number }),
            dice: Arc::new(SeededDice { seed: outside.seed, luck: Arc::clone(&outside.luck) }),
            config: config(settings),
        };
        let engine = runtime.block_on(Engine::start(parts)).unwrap();
        self.process = Some(Process { engine, line, store, in_model, runtime });
        self.condition = Condition::Up;
    }

    /// Ends the process, whatever it was doing.
    pub(crate) fn end(&mut self, down_until: UnixMs) {
        if let Some(process) = self.process.take() {
            // Nothing that its tasks do while they are dropped gets out.
            process.line.die();
            drop(process.engine);
            process.runtime.shutdown_background();
        }
        self.condition = Condition::Down { until: down_until };
    }

    /// The process comes to an end, which is complete once the flag is raised.
    pub(crate) fn stopping(&mut self, down: Span) -> Arc<AtomicBool> {
        self.condition = Condition::Stopping { down };
        self.stopped = Arc::default();
        Arc::clone(&self.stopped)
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Lets the process do what it can without time moving on.
    pub(crate) fn settle(&self, outside: &Outside) {
        let Some(process) = self.process.as_ref().filter(|_| self.runs()) else { return };
        let line = &process.line;
        process.runtime.block_on(async {
            let (mut quiet, mut seen) = (0, outside.timeline.pulse());
            while quiet < QUIET && !line.is_dead() {
                tokio::task::yield_now().await;
                let pulse = outside.timeline.pulse();
                quiet = if pulse == seen { quiet + 1 } else { 0 };
                seen = pulse;
            }
        });
    }

    /// Does something in a task of the process.
    pub(crate) fn spawn<F: Future<Output = ()> + Send + 'static>(&self, work: impl FnOnce(Engine) -> F) {
        if let Some(process) = &self.process {
            process.runtime.spawn(work(process.engine.clone()));
        }
    }

    /// Asks the store something, at once.
    pub(crate) fn look<T>(&self, work: impl AsyncFnOnce(&dyn Store) -> T) -> Option<T> {
        let process = self.process.as_ref()?;
        Some(process.runtime.block_on(work(&*process.store)))
    }

    pub(crate) fn runs(&self) -> bool {
        matches!(self.condition, Condition::Up | Condition::Stopping { .. })
    }

    pub(crate) fn line(&self) -> Option<&Line> {
        self.process.as_ref().map(|it| &*it.line)
    }

    pub(crate) fn in_model(&self) -> Option<i64> {
        self.process.as_ref()?.in_model.as_ref().map(|it| it.node())
    }

    /// Whether nothing is in flight or waits in memory.
    pub(crate) fn is_idle(&self) -> bool {
        self.process.as_ref().is_none_or(|it| it.engine.load() == (0, 0))
    }
}

fn config(settings: &Settings) -> EngineConfig {
    EngineConfig {
        policy: settings.policy,
        concurrency: settings.concurrency,
        per_webhook_concurrency: settings.per_webhook,
        timeout: settings.timeout,
        keep: settings.keep,
        url_rules: UrlRules::default(),
        webhooks_per_property: 3,
        profiles: profiles(),
        hold: settings.hold,
        event_bytes: 256 << 10,
        entitled_by_default: true,
        catalogue: Catalogue::built_in(),
        roles: Roles::ALL,
        outage: None,
    }
}
