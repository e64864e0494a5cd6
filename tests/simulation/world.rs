//! Runs a plan: steps are taken when their time comes, nodes settle, time moves on to whatever
//! is next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use stayhook_core::{EventId, Held, Span, Status, UnixMs, WebhookId};
use stayhook_engine::Enqueued;
use stayhook_store::{Model, Scope, Sweep};

use crate::calls;
use crate::clock::{START, Timeline};
use crate::database::Database;
use crate::dice::Luck;
use crate::history::{Answered, Entry, History, Target, What};
use crate::network::Outside;
use crate::node::{Condition, Node};
use crate::plan::{Call, Happening, Plan, Step, sum};
use crate::watched::{Fuse, Line};

/// `delivery`'s grace at an orderly stop.
pub(crate) const GRACE: Span = Span::seconds(10);
/// Time is not skipped closer to something due than this: whoever sleeps until then, or until a
/// look in between, has to wake and set its alarm as it would. No whole seconds, so that what
/// ticks does not tick at the very moment when something is due.
const APPROACH: Span = Span::millis(2_321);
/// A simulation that goes on for so many moves does not come to an end.
const MOST_MOVES: usize = 100_000;

/// What came of a plan.
pub(crate) struct Outcome {
    pub(crate) history: Vec<Entry>,
    /// The moments at which time stood still, for another run of the same plan.
    pub(crate) moves: Vec<UnixMs>,
}

pub(crate) struct World<'a> {
    plan: &'a Plan,
    database: Database,
    outside: Arc<Outside>,
    nodes: Vec<Node>,
    /// By the step that created them.
    webhooks: BTreeMap<usize, WebhookId>,
    /// In order of acceptance.
    events: Vec<EventId>,
    /// How much of the history has been read for the two above.
    known: usize,
    /// What is still to be looked at, and when.
    looks: BTreeSet<(UnixMs, EventId)>,
    calm_step: Option<usize>,
    /// When the last outage of the database ends.
    outage: UnixMs,
    moves: Vec<UnixMs>,
    /// The moves to make, where they were decided before.
    script: Option<std::vec::IntoIter<UnixMs>>,
}

/// Runs a plan on the model.
pub(crate) fn run(plan: &Plan) -> Outcome {
    run_on(plan, None, None)
}

/// Runs a plan on a database, with the moves that it led to on the model.
pub(crate) fn run_on(plan: &Plan, database: Option<Database>, script: Option<Vec<UnixMs>>) -> Outcome {
    let timeline = Timeline::new(plan.settings.nodes);
    let database = database.unwrap_or_else(|| Database::model(&plan.settings, &timeline));
    let outside = Arc::new(Outside {
        seed: plan.seed,
        timeline,
        history: History::default(),
        luck: Arc::new(Luck::default()),
        receivers: plan.receivers.clone(),
        timeout: plan.settings.timeout,
        calm_at: AtomicI64::new(i64::MAX),
        sends: std::sync::Mutex::default(),
        places: std::sync::Mutex::default(),
        sent: AtomicUsize::new(0),
    });
    let world = World {
        plan,
        database,
        outside,
        nodes: (1..=plan.settings.nodes).map(Node::new).collect(),
        webhooks: BTreeMap::new(),
        events: Vec::new(),
        known: 0,
        looks: BTreeSet::new(),
        calm_step: None,
        outage: UnixMs(0),
        moves: Vec::new(),
        script: script.map(Vec::into_iter),
    };
    world.run()
}

impl World<'_> {
    fn run(mut self) -> Outcome {
        let mut steps = self.plan.steps.iter().peekable();
        loop {
            self.settle();
            if self.turn_conditions() || self.look_when_due() {
                continue;
            }
            if let Some(step) = steps.next_if(|it| START.after(it.at) <= self.now()) {
                self.take(step);
                continue;
            }
            if steps.peek().is_none() && self.calm_down() {
                continue;
            }
            let upcoming = steps.peek().map(|it| START.after(it.at));
            let Some(to) = self.next_move(upcoming) else { break };
            if self.moves.len() >= MOST_MOVES {
                self.outside.note(0, What::Stuck(self.stuck()));
                break;
            }
            self.moves.push(to);
            self.outside.timeline.advance(to);
            if let Some(model) = self.database.as_model() {
                model.tick();
            }
        }
        for event in self.events.clone() {
            self.look_at(event);
        }
        for node in &mut self.nodes {
            node.end(UnixMs(i64::MAX));
        }
        Outcome { history: self.outside.history.take(), moves: self.moves }
    }

    /// What goes on when nothing comes to an end.
    fn stuck(&self) -> String {
        let recent: Vec<String> = self.moves.iter().rev().take(4).map(|it| it.rfc3339_millis()).collect();
        let conditions: Vec<Condition> = self.nodes.iter().map(|it| it.condition).collect();
        let due = self.database.as_model().and_then(|it| it.next_due(&self.sweep()));
        format!("seed {}, time {recent:?}, nodes {conditions:?}, next due {due:?}", self.plan.seed)
    }

    fn now(&self) -> UnixMs {
        self.outside.timeline.now()
    }

    /// Lets every node do what it can, again until none has anything to do.
    fn settle(&mut self) {
        loop {
            let before = self.outside.timeline.pulse();
            for place in 0..self.nodes.len() {
                self.nodes[place].settle(&self.outside);
                if self.nodes[place].line().is_some_and(Line::is_dead) {
                    self.crash(place, None);
                }
            }
            // A node that is alone has nobody to wake it again.
            if self.nodes.len() == 1 || self.outside.timeline.pulse() == before {
                break;
            }
        }
        self.read_answers();
    }

    /// Learns from the history which webhooks and events there are.
    fn read_answers(&mut self) {
        let (webhooks, events, looks) = (&mut self.webhooks, &mut self.events, &mut self.looks);
        let keep = self.plan.settings.keep;
        self.known = self.outside.history.read_from(self.known, |entry| {
            let What::Answered { step, answer } = &entry.what else { return };
            match answer {
                Answered::Created { webhook, .. } => {
                    webhooks.insert(*step, *webhook);
                }
                Answered::Enqueued(results) => {
                    for result in results {
                        let Enqueued::New { id, .. } = result else { continue };
                        events.push(*id);
                        for at in looks_at(*id, keep) {
                            looks.insert((at, *id));
                        }
                    }
                }
                _ => {}
            }
        });
    }

    /// Starts, thaws and stops what is to be started, thawed and stopped by now.
    fn turn_conditions(&mut self) -> bool {
        let mut turned = false;
        for place in 0..self.nodes.len() {
            let now = self.now();
            let number = self.nodes[place].number;
            match self.nodes[place].condition {
                Condition::Down { until } if until <= now => {
                    self.outside.timeline.stop(number, false);
                    self.nodes[place].start(&self.database, &self.outside, &self.plan.settings);
                    self.outside.note(number, What::Started);
                }
                Condition::Frozen { until } if until <= now => {
                    self.nodes[place].condition = Condition::Up;
                    if let (Some(model), Some(id)) = (self.database.as_model(), self.nodes[place].in_model())
                    {
                        model.is_heard(id);
                    }
                    self.outside.note(number, What::Thawed);
                    self.outside.timeline.stop(number, false);
                }
                Condition::Stopping { down } if self.nodes[place].has_stopped() => {
                    self.nodes[place].end(now.after(down));
                    self.outside.timeline.stop(number, true);
                }
                _ => continue,
            }
            turned = true;
        }
        turned
    }

    fn take(&mut self, step: &Step) {
        let place = step.node.min(self.nodes.len() - 1);
        let number = self.nodes[place].number;
        match step.what {
            Happening::Asked(call) => self.ask(step.number, place, call),
            Happening::Step { by_ms } => {
                self.outside.note(number, What::ClockSet { by_ms });
                self.outside.timeline.step(number, by_ms);
            }
            _ if self.nodes[place].condition != Condition::Up => {}
            Happening::Crash { writes: 0, down, .. } => self.crash(place, Some(down)),
            Happening::Crash { writes, before, .. } => {
                if let Some(line) = self.nodes[place].line() {
                    line.light(Fuse { writes, before });
                }
            }
            Happening::Stop { down } => self.stop(place, down),
            Happening::Freeze { lasts } => self.freeze(place, lasts),
            Happening::Outage { lasts } => {
                let until = self.now().after(lasts);
                if let Some(line) = self.nodes[place].line() {
                    line.cut(until);
                }
                self.outage = self.outage.max(until);
                self.outside.note(number, What::Outage { until });
            }
        }
    }

    fn crash(&mut self, place: usize, down: Option<Span>) {
        let number = self.nodes[place].number;
        // A process that died of a write is started again by its supervisor.
        let down = down.unwrap_or(Span::seconds(2));
        self.fall_silent(place);
        self.outside.note(number, What::Crashed);
        let until = self.now().after(down);
        self.nodes[place].end(until);
        self.outside.timeline.stop(number, true);
    }

    fn freeze(&mut self, place: usize, lasts: Span) {
        let number = self.nodes[place].number;
        self.fall_silent(place);
        self.nodes[place].condition = Condition::Frozen { until: self.now().after(lasts) };
        self.outside.timeline.stop(number, true);
        self.outside.note(number, What::Frozen);
    }

    fn fall_silent(&self, place: usize) {
        if let (Some(model), Some(id)) = (self.database.as_model(), self.nodes[place].in_model()) {
            model.falls_silent(id, self.now());
        }
    }

    fn stop(&mut self, place: usize, down: Span) {
        let number = self.nodes[place].number;
        let outside = Arc::clone(&self.outside);
        outside.note(number, What::Stopping);
        let stopped = self.nodes[place].stopping(down);
        self.nodes[place].spawn(|engine| async move {
            engine.shutdown(GRACE).await;
            outside.timeline.beat();
            outside.note(number, What::Stopped);
            stopped.store(true, Ordering::Relaxed);
        });
    }

    fn ask(&self, step: usize, place: usize, call: Call) {
        let asked = [place].into_iter().chain(0..self.nodes.len());
        let Some(place) = asked.into_iter().find(|it| self.nodes[*it].condition == Condition::Up) else {
            return;
        };
        let Some(target) = calls::Target::of(&call, &self.webhooks, &self.events) else { return };
        let number = self.nodes[place].number;
        let outside = Arc::clone(&self.outside);
        outside.note(number, What::Asked { step, call, webhook: target.webhook, event: target.event });
        self.nodes[place].spawn(|engine| async move {
            outside.luck.turn_to(u64::MAX - step as u64);
            let answer = calls::call(&engine, call, target, step).await;
            outside.timeline.beat();
            outside.note(number, What::Answered { step, answer });
        });
    }

    /// Once all steps are taken: receivers are well, nodes stay up, what was paused is resumed.
    fn calm_down(&mut self) -> bool {
        let first = self.plan.steps.len();
        let Some(step) = self.calm_step else {
            self.outside.calm_at.store(self.now().0, Ordering::Relaxed);
            self.outside.note(0, What::Calm);
            for node in &mut self.nodes {
                if let Some(line) = node.line() {
                    line.mend();
                }
                match &mut node.condition {
                    Condition::Down { until } | Condition::Frozen { until } => {
                        *until = self.outside.timeline.now();
                    }
                    Condition::Stopping { down } => *down = Span::ZERO,
                    Condition::Up => {}
                }
            }
            self.calm_step = Some(first);
            return true;
        };
        if !self.nodes.iter().all(|it| it.condition == Condition::Up) {
            return false;
        }
        let ids: Vec<(usize, WebhookId)> = self.webhooks.iter().map(|(step, id)| (*step, *id)).collect();
        let Some((slot, id)) = ids.get(step - first).copied() else { return false };
        self.calm_step = Some(step + 1);
        let found = self.nodes[0].look(async |store| store.webhook(&Scope::EVERYTHING, id).await);
        if let Some(Ok(Some(webhook))) = found
            && matches!(webhook.status, Status::Paused { .. })
        {
            self.ask(step, 0, Call::Resume { webhook: slot, held: Held::Deliver });
        }
        true
    }

    fn look_when_due(&mut self) -> bool {
        let Some((_, event)) = self.looks.first().copied().filter(|(at, _)| *at <= self.now()) else {
            return false;
        };
        self.looks.pop_first();
        self.look_at(event);
        true
    }

    fn look_at(&self, event: EventId) {
        let Some(node) = self.nodes.iter().find(|it| it.runs()) else { return };
        let looked = node.look(async |store| {
            let line = store.event(event).await.unwrap()?;
            let mut targets = Vec::new();
            for it in line.targets {
                let found = store.delivery(&Scope::EVERYTHING, it.webhook, event).await.unwrap();
                let completed_at = found.as_ref().and_then(|(line, _)| line.completed_at);
                let attempts = found.map(|(_, attempts)| attempts.iter().map(Into::into).collect());
                targets.push(Target { webhook: it.webhook, state: it.state, completed_at, attempts });
            }
            Some(targets)
        });
        if let Some(targets) = looked {
            self.outside.note(node.number, What::Looked { event, targets });
        }
    }

    /// When something happens next; `None` at the end.
    fn next_move(&mut self, upcoming: Option<UnixMs>) -> Option<UnixMs> {
        if let Some(script) = &mut self.script {
            return script.next();
        }
        let now = self.now();
        let idle =
            self.nodes.iter().all(|it| it.is_idle() && !matches!(it.condition, Condition::Stopping { .. }));
        let model = self.database.as_model()?;
        if upcoming.is_none() && self.is_over(model, idle) {
            return None;
        }
        let conditions = self.nodes.iter().filter_map(|it| match it.condition {
            Condition::Down { until } | Condition::Frozen { until } => Some(until),
            Condition::Up | Condition::Stopping { .. } => None,
        });
        let looks = self.looks.first().map(|(at, _)| *at);
        let happens = conditions.chain(upcoming).chain(looks).min();
        let sleeper = self.outside.timeline.next();
        let step_by_step = [happens, model.next_signal(), sleeper].into_iter().flatten().min()?;
        if !idle || self.outage_lasts() {
            return Some(step_by_step.max(now));
        }
        let near = model.next_due(&self.sweep()).map(|at| at.before(APPROACH));
        let leap = [happens, model.next_signal(), near].into_iter().flatten().min();
        Some(leap.unwrap_or(step_by_step).max(step_by_step).max(now))
    }

    fn outage_lasts(&self) -> bool {
        // Whoever failed tries again within seconds.
        let recent = sum(self.plan.settings.timeout, Span::seconds(5));
        self.now() < self.outage.after(recent)
    }

    /// Whether nothing of interest can happen any more.
    fn is_over(&self, model: &Model, idle: bool) -> bool {
        let calm_at = UnixMs(self.outside.calm_at.load(Ordering::Relaxed));
        let patience = sum(self.plan.settings.policy.backoff.cap, Span::hours(2));
        let up = self.nodes.iter().all(|it| it.condition == Condition::Up);
        up && idle && (model.is_settled() || calm_at.after(patience) < self.now())
    }

    fn sweep(&self) -> Sweep {
        let settings = &self.plan.settings;
        let grace = settings.keep.part(30).max(Span::seconds(1));
        Sweep {
            now: self.now(),
            keep: settings.keep,
            prune: sum(settings.keep, grace.part(2)),
            disable: settings.policy.disable,
            hold: settings.hold,
            batch: 500,
        }
    }
}

/// When an event is looked at: when it must have ended, and when it must be gone.
fn looks_at(event: EventId, keep: Span) -> [UnixMs; 2] {
    let grace = keep.part(30).max(Span::seconds(1));
    let kept = event.accepted_at().after(keep);
    [kept.after(grace.part(4)), kept.after(grace).after(Span::millis(20))]
}
