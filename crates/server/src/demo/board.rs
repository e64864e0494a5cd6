//! The table of webhooks as they stand, with what they lead to.

use stayhook_core::Span;

use super::cast::{CAST, Role, Temper};
use super::ledger::{Answered, Arrival, Notes, Standing};
use super::paint::{Paint, Tone};
use super::scale::{self, backoff};

/// Lines that a board takes.
pub(crate) const LINES: usize = CAST.len() + 4;

/// What the board shows: how things stood at one moment.
pub(crate) struct Board {
    standings: Vec<Standing>,
    /// Events accepted.
    accepted: usize,
    /// Deliveries that receivers have taken.
    arrived: usize,
    /// Deliveries that are to arrive in the end.
    goal: usize,
    /// Time since the first event was reported.
    elapsed: Span,
    /// The latest failure.
    latest: Option<String>,
}

/// A column of the table.
struct Column {
    title: &'static str,
    width: usize,
    /// Narrow terminals do without those of a high number.
    rank: u8,
}

const COLUMNS: [Column; 7] = [
    Column { title: "webhook", width: 19, rank: 0 },
    Column { title: "receiver", width: 9, rank: 0 },
    Column { title: "accepted", width: 8, rank: 2 },
    Column { title: "delivered", width: 9, rank: 0 },
    Column { title: "retrying", width: 8, rank: 1 },
    Column { title: "failed", width: 6, rank: 1 },
    Column { title: "last answer", width: 11, rank: 3 },
];
const GAP: usize = 1;
const INDENT: usize = 3;

impl Board {
    /// How things stand by these notes.
    pub(crate) fn of(notes: &Notes, goal: usize, elapsed: Span) -> Self {
        let standings = notes.standings();
        let arrived = standings.iter().map(|standing| standing.delivered).sum();
        let latest = latest(notes, &standings);
        Self { standings, accepted: notes.accepted.len(), arrived, goal, elapsed, latest }
    }

    /// Whether everything has arrived that is to arrive.
    pub(crate) fn is_complete(&self) -> bool {
        self.arrived >= self.goal
    }

    /// The board in lines no longer than `width`.
    pub(crate) fn lines(&self, width: usize, paint: Paint) -> Vec<String> {
        let shown = fitting(width);
        let titles = COLUMNS.each_ref().map(|column| (column.title.to_owned(), Tone::Faint));
        let mut lines = vec![row(&titles, shown, paint)];
        for (role, standing) in CAST.iter().zip(&self.standings) {
            lines.push(row(&cells(role, standing), shown, paint));
        }
        lines.push(String::new());
        lines.push(self.bar(width, paint));
        let latest = self.latest.as_ref().map(|latest| cut(&format!("   {latest}"), width));
        lines.push(paint.text(Tone::Faint, &latest.unwrap_or_default()));
        lines
    }

    /// How things stand in one line.
    pub(crate) fn summary(&self) -> String {
        let sum = |count: fn(&Standing) -> usize| self.standings.iter().map(count).sum::<usize>();
        format!(
            "{:>6}  {:>3} events accepted, {:>3} of {} delivered, {:>2} retrying, {:>3} attempts failed",
            scale::running(self.elapsed),
            self.accepted,
            self.arrived,
            self.goal,
            sum(|standing| standing.retrying),
            sum(|standing| standing.failed),
        )
    }

    /// How much has arrived of what is to arrive.
    fn bar(&self, width: usize, paint: Paint) -> String {
        let (arrived, goal) = (self.arrived, self.goal);
        let (here, real) = (scale::running(self.elapsed), scale::real(self.elapsed));
        let words = format!("  {arrived} of {goal} delivered   {here} = {real}");
        let length = width.saturating_sub(INDENT + words.chars().count()).min(40);
        let done = (length * arrived).checked_div(goal).unwrap_or(0).min(length);
        let (done, left) = ("━".repeat(done), "─".repeat(length - done));
        format!("   {}{}{words}", paint.text(Tone::Good, &done), paint.text(Tone::Faint, &left))
    }
}

/// The latest failure of the receiver that recovers, and when it is tried again.
fn latest(notes: &Notes, standings: &[Standing]) -> Option<String> {
    let (Arrival { part, event, answered, .. }, attempt) = notes.latest_failure()?;
    if standings[*part].retrying == 0 {
        return None;
    }
    let report = notes.report(event)?;
    let answer = match answered {
        Answered::Status(status) => status.to_string(),
        Answered::Nothing => "no answer".to_owned(),
    };
    let wait = backoff().without_jitter(attempt);
    let (kind, booking) = (report.kind, report.booking_id);
    let (here, real) = (scale::here(wait), scale::real(wait));
    Some(format!("{kind} {booking} failed, attempt {attempt}: {answer}, next in {here} = {real}"))
}

/// A webhook's row.
fn cells(role: &Role, standing: &Standing) -> [(String, Tone); 7] {
    let (mood, tone) = mood(role, standing);
    let count = |count: usize, tone| (count.to_string(), if count == 0 { Tone::Faint } else { tone });
    let whole = standing.accepted > 0 && standing.delivered == standing.accepted;
    let last = match standing.last {
        None => ("-".to_owned(), Tone::Faint),
        Some(Answered::Status(status)) => (status.to_string(), tone_of(standing.last)),
        Some(Answered::Nothing) => ("no answer".to_owned(), Tone::Bad),
    };
    [
        (role.title(), Tone::Plain),
        (mood.to_owned(), tone),
        count(standing.accepted, Tone::Plain),
        count(standing.delivered, if whole { Tone::Good } else { Tone::Plain }),
        count(standing.retrying, Tone::Odd),
        count(standing.failed, Tone::Plain),
        last,
    ]
}

/// How a receiver seems to be.
fn mood(role: &Role, standing: &Standing) -> (&'static str, Tone) {
    match (role.temper, standing.last) {
        (Temper::Redirects, _) => ("redirects", Tone::Odd),
        (Temper::Slow(_), _) => ("slow", Tone::Good),
        (Temper::Recovers { .. }, Some(Answered::Nothing)) => ("hangs", Tone::Bad),
        (Temper::Recovers { .. }, Some(Answered::Status(503))) => ("down", Tone::Bad),
        (Temper::Recovers { .. }, Some(_)) => ("recovered", Tone::Good),
        (Temper::Prompt | Temper::Recovers { .. }, _) => ("well", Tone::Good),
    }
}

/// The highest rank of columns for which there is room.
fn fitting(width: usize) -> u8 {
    let needed = |rank: u8| {
        let columns = COLUMNS.iter().filter(|column| column.rank <= rank);
        columns.map(|column| column.width + GAP).sum::<usize>() + INDENT - GAP
    };
    (0..=3).rev().find(|rank| needed(*rank) <= width).unwrap_or(0)
}

fn row(cells: &[(String, Tone); 7], shown: u8, paint: Paint) -> String {
    let mut line = " ".repeat(INDENT - GAP);
    for (at, (column, (text, tone))) in COLUMNS.iter().zip(cells).enumerate() {
        if column.rank > shown {
            continue;
        }
        // Words stand to the left, counts to the right.
        let (text, width) = (cut(text, column.width), column.width);
        let padding = " ".repeat(width - text.chars().count());
        let text = paint.text(*tone, &text);
        line.push_str(&" ".repeat(GAP));
        line.push_str(&if at < 2 { format!("{text}{padding}") } else { format!("{padding}{text}") });
    }
    line
}

fn tone_of(answered: Option<Answered>) -> Tone {
    match answered {
        Some(answered) if answered.is_acceptance() => Tone::Good,
        Some(Answered::Status(300..=399)) => Tone::Odd,
        _ => Tone::Bad,
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::demo::bookings::history;
    use crate::demo::ledger::Accepted;

    fn notes() -> Notes {
        let reports = history().into_iter().take(40).enumerate();
        let accepted =
            reports.map(|(at, report)| Accepted { id: format!("evt_{at}"), deliveries: 1, report });
        let arrival = |answered| Arrival {
            part: 2,
            event: "evt_1".to_owned(),
            body: Bytes::new(),
            trust: Ok(()),
            answered,
        };
        Notes {
            accepted: accepted.collect(),
            arrivals: [Answered::Status(503), Answered::Nothing].map(arrival).into(),
            ..Notes::default()
        }
    }

    fn board(notes: &Notes) -> Board {
        Board::of(notes, 330, Span::millis(5_200))
    }

    #[test]
    fn lines_fit_into_every_width() {
        let notes = notes();
        for width in 49..120 {
            let lines = board(&notes).lines(width, Paint { colours: false });
            assert_eq!(lines.len(), LINES);
            for line in lines {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn colours_change_nothing_but_the_colour() {
        let notes = notes();
        let strip = |line: String| {
            let mut plain = String::new();
            for (at, part) in line.split('\x1b').enumerate() {
                plain.push_str(if at == 0 { part } else { part.split_once('m').unwrap().1 });
            }
            plain
        };
        let coloured: Vec<String> =
            board(&notes).lines(100, Paint { colours: true }).into_iter().map(strip).collect();
        assert_eq!(coloured, board(&notes).lines(100, Paint { colours: false }));
    }

    #[test]
    fn the_board_tells_what_fails_and_when_it_is_tried_again() {
        let notes = notes();
        let lines = board(&notes).lines(100, Paint { colours: false });
        assert!(lines[3].contains("102 Channel manager hangs"), "{}", lines[3]);
        let latest = &lines[LINES - 1];
        assert!(latest.contains("failed, attempt 2: no answer, next in 0.40 s = 2.0 min"), "{latest}");
        assert!(board(&notes).summary().starts_with(" 5.2 s   40 events accepted,   0 of 330 delivered"));
    }
}
