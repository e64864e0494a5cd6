//! The whole product at work, to be watched: a booking platform reports events, the engine
//! delivers them over real sockets, receivers verify them, and a tally says whether all is well.
//!
//! Everything goes the way of a customer: through the HTTP API and the signed requests. Only the
//! tokens are made at the database, as `stayhook token create` makes them.

mod api;
mod board;
mod bookings;
mod cast;
mod house;
mod ledger;
mod paint;
mod producer;
mod receivers;
mod scale;
mod screen;
mod tally;
mod telling;

use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use stayhook_core::Span;
use stayhook_engine::Clock as _;

use crate::clock::WallClock;
use crate::config::Database;
use crate::outcome::{Answer, Trouble};
use api::Logged;
use board::Board;
use bookings::Report;
use cast::{CAST, INTRUDER, Temper};
use house::House;
use ledger::Ledger;
use receivers::{Receivers, Registered};
pub(crate) use screen::{Manners, Screen};
use tally::{Case, Evidence, Tally};

/// How often the board is drawn.
const FRAME: Duration = Duration::from_millis(100);
/// Without a board, a line stands for so many of its frames.
const FRAMES_A_LINE: u32 = 10;
/// How long everything may take to arrive.
const PATIENCE: Span = Span::seconds(40);
/// How long the log may take to say what the receivers saw.
const SETTLING: Span = Span::seconds(5);

/// Plays the demo. The answer is whether every event that should arrive did.
pub(crate) async fn play(database: Option<Database>, screen: &mut Screen) -> Result<Answer, Trouble> {
    let clock = WallClock::new();
    let ledger = Ledger::default();
    let receivers = Receivers::start(ledger.clone()).await?;
    let house = House::open(database).await?;
    telling::opening(screen);
    telling::house(screen, &house, &receivers);

    let cast = register(screen, &house, &receivers).await?;
    let reports = bookings::history();
    deliver(screen, &house, &cast.registered, &reports, &ledger).await?;

    let log = settled_log(&house, &cast.registered, &ledger).await?;
    let notes = ledger.open().clone();
    let evidence = Evidence { reported: reports.len(), notes, log, intruder_refused: cast.intruder_refused };
    let tally = Tally::of(&evidence);
    telling::tally(screen, &tally);
    telling::longest_way(screen, &Case::of(&evidence));
    house.close().await?;
    telling::ending(screen, &tally, Span::from_duration(clock.monotonic()));
    Ok(if tally.is_complete() { Answer::Yes } else { Answer::No })
}

/// Who is registered now.
struct Cast {
    registered: HashMap<usize, Registered>,
    /// What the API said to the address that is private.
    intruder_refused: Option<String>,
}

/// Registers everyone over the API, and somebody who must be refused.
async fn register(screen: &mut Screen, house: &House, receivers: &Receivers) -> Result<Cast, Trouble> {
    telling::registering(screen);
    let mut registered = HashMap::new();
    for (part, role) in CAST.iter().enumerate() {
        match house.api.register(role, &receivers.url(role.path)).await? {
            Ok(webhook) => {
                telling::registered(screen, role, webhook.id);
                registered.insert(part, webhook);
            }
            Err(problem) => telling::refused(screen, role, role.path, &problem),
        }
    }
    let intruder_refused = house.api.register(&INTRUDER, INTRUDER.path).await?.err().map(|problem| {
        telling::refused(screen, &INTRUDER, INTRUDER.path, &problem);
        problem.lines().join("; ")
    });
    receivers.hand_out(registered.clone());
    Ok(Cast { registered, intruder_refused })
}

/// Reports everything and watches it arrive, until all of it has or patience ends. At last the
/// owner of the webhook that redirects pauses it.
async fn deliver(
    screen: &mut Screen,
    house: &House,
    registered: &HashMap<usize, Registered>,
    reports: &[Report],
    ledger: &Ledger,
) -> Result<(), Trouble> {
    telling::delivering(screen, reports.len());
    let clock = WallClock::new();
    let elapsed = || Span::from_duration(clock.monotonic());
    let goal = goal(reports);
    let mut produce = pin!(producer::produce(&house.api, reports, ledger));
    let mut producing = true;
    let mut frames = tokio::time::interval(FRAME);
    for frame in 0.. {
        tokio::select! {
            produced = &mut produce, if producing => {
                produced?;
                producing = false;
            }
            _ = frames.tick() => {}
        }
        let board = Board::of(&ledger.open(), goal, elapsed());
        if (board.is_complete() && !producing) || elapsed() > PATIENCE {
            let lines = board.lines(screen.width(), screen.paint);
            screen.last_frame(&lines);
            break;
        }
        show(screen, &board, frame);
    }
    pause_redirecting(screen, house, registered).await
}

/// Deliveries that are to arrive.
fn goal(reports: &[Report]) -> usize {
    let wanting = |report: &Report| {
        CAST.iter().filter(|role| role.accepts() && role.wants(report.property_id, report.kind)).count()
    };
    reports.iter().map(wanting).sum()
}

fn show(screen: &mut Screen, board: &Board, frame: u32) {
    if screen.is_live(board::LINES) {
        let lines = board.lines(screen.width(), screen.paint);
        screen.frame(&lines);
    } else if frame > 0 && frame.is_multiple_of(FRAMES_A_LINE) {
        screen.line(&format!("   {}", board.summary()));
    }
}

/// Else attempts would go on while the tally is taken.
async fn pause_redirecting(
    screen: &mut Screen,
    house: &House,
    registered: &HashMap<usize, Registered>,
) -> Result<(), Trouble> {
    let redirecting = |(part, _): &(&usize, &Registered)| CAST[**part].temper == Temper::Redirects;
    let Some((part, webhook)) = registered.iter().find(redirecting) else { return Ok(()) };
    match house.api.pause(webhook.id).await? {
        Ok(()) => telling::paused(screen, &CAST[*part], webhook.id),
        Err(problem) => telling::problem(screen, "the redirecting webhook cannot be paused", &problem),
    }
    Ok(())
}

/// The delivery logs as soon as they say what the receivers saw; as they are if they do not do so
/// in time: an answer stands in the log a moment after the receiver gave it.
async fn settled_log(
    house: &House,
    registered: &HashMap<usize, Registered>,
    ledger: &Ledger,
) -> Result<Vec<Logged>, Trouble> {
    let clock = WallClock::new();
    let mut log = Vec::new();
    loop {
        log.clear();
        for (part, webhook) in registered {
            log.extend(house.api.log(*part, webhook.id).await?);
        }
        let attempts: usize = log.iter().map(|logged| logged.attempt_count).sum();
        if attempts == ledger.open().arrivals.len() || clock.monotonic() > SETTLING.as_duration() {
            break;
        }
        tokio::time::sleep(FRAME).await;
    }
    for logged in &mut log {
        *logged = house.api.with_attempts(logged).await?;
    }
    Ok(log)
}
