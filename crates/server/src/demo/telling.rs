//! What the demo says between and after the numbers.

use stayhook_core::{Span, UnixMs};

use super::api::LoggedAttempt;
use super::cast::Role;
use super::house::House;
use super::paint::Tone;
use super::receivers::Receivers;
use super::scale::{self, ATTEMPT_TIMEOUT, scaled};
use super::screen::Screen;
use super::tally::{Case, Line, Tally};
use crate::client::Problem;

/// So many faults of one check are named.
const FAULTS_SHOWN: usize = 5;

pub(super) fn opening(screen: &mut Screen) {
    let tenths = |span: Span| format!("{:.1}", span.as_millis() as f64 / 1_000.0);
    let waits: Vec<String> = (1..=4).map(|n| tenths(scale::backoff().without_jitter(n))).collect();
    blank(screen);
    toned(screen, Tone::Strong, "Stayhook: booking webhooks, end to end");
    say(screen, "A booking platform reports events, the engine signs and delivers them, receivers");
    say(screen, "verify them: real sockets, a real database, and nothing leaves this machine.");
    blank(screen);
    let minute = tenths(scaled(Span::minutes(1)));
    say(
        screen,
        &format!("Time is scaled: 1 minute is shown as {minute} s. Retries after 1, 2, 4, 8 … min come"),
    );
    let waits = waits.join(", ");
    say(screen, &format!("after {waits} … s; an attempt may take {ATTEMPT_TIMEOUT} (10s in production)."));
}

pub(super) fn house(screen: &mut Screen, house: &House, receivers: &Receivers) {
    heading(screen, 1, "Start");
    let kept = if house.is_temporary() { "removed at the end" } else { "kept" };
    item(screen, "database", &format!("{} ({kept})", house.database));
    item(screen, "API", &format!("http://{}", house.address));
    item(screen, "receivers", &receivers.url(""));
    item(screen, "tokens", "partners: webhooks.write, bookings.read; platform: events.write");
}

pub(super) fn registering(screen: &mut Screen) {
    heading(screen, 2, "Register: POST /public/v1/webhooks");
}

pub(super) fn registered(screen: &mut Screen, role: &Role, id: i64) {
    let mark = screen.paint.text(Tone::Good, "✓");
    let custom = if role.custom_parameters { " + custom parameters" } else { "" };
    let events = screen.paint.text(Tone::Faint, &format!("{}{custom}", role.events.join(", ")));
    say(screen, &format!("   {mark} webhook {id}  {:<20} {events}", role.title()));
}

pub(super) fn refused(screen: &mut Screen, role: &Role, url: &str, problem: &Problem) {
    let mark = screen.paint.text(Tone::Bad, "✗");
    say(screen, &format!("   {mark} refused    {:<20} {url}", role.title()));
    // The first line names the field where only one is wrong; the others would say it again.
    let lines = problem.lines();
    let told = if lines.len() == 2 { &lines[..1] } else { &lines[..] };
    let width = screen.width().saturating_sub(16);
    for line in told.iter().flat_map(|line| wrapped(line.trim(), width)) {
        toned(screen, Tone::Odd, &format!("                {line}"));
    }
}

pub(super) fn delivering(screen: &mut Screen, events: usize) {
    heading(screen, 3, &format!("Deliver {events} events: POST /internal/v1/events and /batch"));
}

pub(super) fn problem(screen: &mut Screen, during: &str, problem: &Problem) {
    toned(screen, Tone::Bad, &format!("   {during}: {}", problem.lines().join("; ")));
}

pub(super) fn paused(screen: &mut Screen, role: &Role, webhook: i64) {
    let call = screen.paint.text(Tone::Faint, &format!("PATCH /public/v1/webhooks/{webhook}"));
    say(screen, &format!("   The owner of {} pauses it: {call}", role.title()));
}

pub(super) fn tally(screen: &mut Screen, tally: &Tally) {
    heading(screen, 4, "Tally: what the receivers saw, against the delivery log of the API");
    for line in &tally.lines {
        check(screen, line);
    }
}

fn check(screen: &mut Screen, line: &Line) {
    let good = line.faults.is_empty();
    let (tone, mark) = if good { (Tone::Good, "✓") } else { (Tone::Bad, "✗") };
    let mark = screen.paint.text(tone, mark);
    let figure = screen.paint.text(Tone::Strong, &format!("{:<16}", line.figure));
    let words = screen.paint.text(Tone::Faint, line.words);
    say(screen, &format!("   {mark} {:<21} {figure} {words}", line.name));
    for fault in line.faults.iter().take(FAULTS_SHOWN) {
        toned(screen, Tone::Bad, &format!("       {fault}"));
    }
    if let Some(more) = line.faults.len().checked_sub(FAULTS_SHOWN).filter(|more| *more > 0) {
        toned(screen, Tone::Bad, &format!("       … and {more} more"));
    }
}

/// The attempts of the delivery that took the most.
pub(super) fn longest_way(screen: &mut Screen, case: &Case<'_>) {
    let Some((delivery, logged)) = case.longest_way().and_then(|it| Some((it, it.logged?))) else { return };
    blank(screen);
    toned(screen, Tone::Strong, &format!("   The longest way: {}", delivery.title()));
    for (number, attempt) in (1..).zip(&logged.attempts) {
        say(screen, &way(number, attempt, screen));
    }
}

fn way(number: usize, attempt: &LoggedAttempt, screen: &Screen) -> String {
    let accepted = attempt.error.is_none();
    let answer = match attempt.status {
        Some(status) => status.to_string(),
        None => "no answer".to_owned(),
    };
    let answer = screen.paint.text(if accepted { Tone::Good } else { Tone::Bad }, &format!("{answer:<9}"));
    let then = match planned_wait(attempt) {
        Some(wait) => format!("next after {:>6} = {}", scale::here(wait), scale::real(wait)),
        None if accepted => "accepted".to_owned(),
        None => String::new(),
    };
    format!("     attempt {number}  {answer}  {then}")
}

/// From the end of an attempt to the planned start of the next.
fn planned_wait(attempt: &LoggedAttempt) -> Option<Span> {
    let ended = UnixMs::parse_rfc3339(&attempt.started_at)?.after(Span::millis(attempt.duration_ms));
    let next = UnixMs::parse_rfc3339(attempt.next_attempt_at.as_deref()?)?;
    Some(next.since(ended))
}

pub(super) fn ending(screen: &mut Screen, tally: &Tally, took: Span) {
    let program =
        std::env::args_os().next().map_or("stayhook".into(), |it| it.to_string_lossy().into_owned());
    blank(screen);
    if tally.is_complete() {
        let words = "Every event that should arrive did, with a good signature.";
        let words = screen.paint.text(Tone::Good, words);
        say(
            screen,
            &format!("{words} {}", screen.paint.text(Tone::Faint, &format!("({})", scale::running(took)))),
        );
    } else {
        toned(screen, Tone::Bad, "Not everything is as it should be: see the lines marked ✗.");
    }
    blank(screen);
    toned(screen, Tone::Strong, "Where to go next");
    let ways = [
        (format!("{program} serve --dev"), "an API of your own, with a token to paste"),
        (format!("{program} --help"), "every command"),
        ("README.md".to_owned(), "what it is, and how to run it"),
        ("ARCHITECTURE.md".to_owned(), "how it works inside, and why"),
    ];
    let width = ways.iter().map(|(what, _)| what.chars().count()).max().unwrap_or(0);
    for (what, words) in ways {
        let words = screen.paint.text(Tone::Faint, words);
        say(screen, &format!("   {what:<width$}  {words}"));
    }
    blank(screen);
}

/// The text in lines of at most `width` columns, broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

fn heading(screen: &mut Screen, number: usize, text: &str) {
    blank(screen);
    toned(screen, Tone::Strong, &format!("{number}  {text}"));
}

fn item(screen: &mut Screen, name: &str, text: &str) {
    let name = screen.paint.text(Tone::Faint, &format!("{name:<10}"));
    say(screen, &format!("   {name} {text}"));
}

fn toned(screen: &mut Screen, tone: Tone, text: &str) {
    let text = screen.paint.text(tone, text);
    screen.line(&text);
}

fn say(screen: &mut Screen, text: &str) {
    screen.line(text);
}

fn blank(screen: &mut Screen) {
    screen.line("");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words() {
        assert_eq!(wrapped("one two  three four", 9), ["one two", "three", "four"]);
        assert_eq!(wrapped("incomprehensible text", 4), ["incomprehensible", "text"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}
