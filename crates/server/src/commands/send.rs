//! `stayhook send`

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::read_input;
use crate::client::{Client, ClientArgs, Problem};
use crate::outcome::{Answer, Outcome, Trouble, complain, say};

/// Enqueue events through the HTTP API, and print their ids
///
/// Exits 1 when the API refuses one, and says why.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Type of the events, such as booking.created
    #[arg(long = "type", value_name = "TYPE", required_unless_present = "events", conflicts_with = "events")]
    kind: Option<String>,

    /// Property of the events
    #[arg(long, required_unless_present = "events", conflicts_with = "events")]
    property: Option<i64>,

    /// Booking of the events: a whole number, or a text
    #[arg(long, conflicts_with = "events")]
    booking: Option<String>,

    /// FILE holds one data object a line
    #[arg(long)]
    ndjson: bool,

    /// FILE holds one whole event a line: {"type": …, "propertyId": …, "data": …}
    #[arg(long)]
    events: bool,

    /// The data object; - for stdin
    file: PathBuf,

    #[command(flatten)]
    client: ClientArgs,
}

/// Lines that go into one request, and their bytes; the API takes 1000 events and 16 MiB.
const BATCH_LINES: usize = 200;
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// An event around the producer's own bytes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    r#type: &'a str,
    property_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    booking_id: Option<Booking<'a>>,
    data: &'a RawValue,
}

#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
enum Booking<'a> {
    Number(i64),
    Text(&'a str),
}

#[derive(Deserialize)]
struct Accepted {
    id: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Accepted(Accepted),
    Refused { error: Problem },
}

#[derive(Deserialize)]
struct Results {
    results: Vec<Line>,
}

pub(crate) async fn run(args: Args) -> Outcome {
    let client = Client::new(&args.client)?;
    if args.ndjson || args.events { send_lines(&args, &client).await } else { send_one(&args, &client).await }
}

async fn send_one(args: &Args, client: &Client) -> Outcome {
    let data = read_input(&args.file)?;
    let data: &RawValue = serde_json::from_slice(&data)
        .map_err(|error| Trouble::new(format!("FILE: {} is not JSON: {error}", args.file.display())))?;
    match client.post("/internal/v1/events", wrapped(args, data)?).await? {
        Ok(body) => {
            let Accepted { id } = read_answer(&body)?;
            say(&id);
            Ok(Answer::Yes)
        }
        Err(problem) => Ok(refused("", &problem)),
    }
}

/// Sends a line as soon as there is a batch of them, in order.
async fn send_lines(args: &Args, client: &Client) -> Outcome {
    let mut answer = Answer::Yes;
    let mut batch = Batch::default();
    for (at, line) in open(&args.file)?.lines().enumerate() {
        let number = at + 1;
        let wrong =
            |error: String| Trouble::new(format!("FILE: line {number} of {}: {error}", args.file.display()));
        let line = line.map_err(|error| wrong(error.to_string()))?;
        if line.trim().is_empty() {
            continue;
        }
        let raw: &RawValue =
            serde_json::from_str(&line).map_err(|error| wrong(format!("is not JSON: {error}")))?;
        if args.events {
            batch.push(number, raw.get().as_bytes());
        } else {
            batch.push(number, &wrapped(args, raw)?);
        }
        if batch.is_full() && batch.send(client).await? == Answer::No {
            answer = Answer::No;
        }
    }
    if batch.send(client).await? == Answer::No {
        answer = Answer::No;
    }
    Ok(answer)
}

/// Events that go into the next request.
#[derive(Default)]
struct Batch {
    numbers: Vec<usize>,
    json: Vec<u8>,
}

impl Batch {
    fn push(&mut self, number: usize, event: &[u8]) {
        self.json.extend_from_slice(if self.numbers.is_empty() { br#"{"events":["# } else { b"," });
        self.json.extend_from_slice(event);
        self.numbers.push(number);
    }

    fn is_full(&self) -> bool {
        self.numbers.len() >= BATCH_LINES || self.json.len() >= BATCH_BYTES
    }

    /// Sends what there is and prints what became of it.
    async fn send(&mut self, client: &Client) -> Outcome {
        let Self { numbers, mut json } = std::mem::take(self);
        let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else { return Ok(Answer::Yes) };
        json.extend_from_slice(b"]}");
        let results = match client.post("/internal/v1/events/batch", json).await? {
            Ok(body) => read_answer::<Results>(&body)?.results,
            Err(problem) => return Ok(refused(&format!("lines {first} to {last}: "), &problem)),
        };
        let mut answer = Answer::Yes;
        for (number, result) in numbers.iter().zip(results) {
            match result {
                Line::Accepted(Accepted { id }) => say(&id),
                Line::Refused { error } => answer = refused(&format!("line {number}: "), &error),
            }
        }
        Ok(answer)
    }
}

fn wrapped(args: &Args, data: &RawValue) -> Result<Vec<u8>, Trouble> {
    let event = Event {
        r#type: args.kind.as_deref().unwrap_or_default(),
        property_id: args.property.unwrap_or_default(),
        booking_id: args.booking.as_deref().map(booking),
        data,
    };
    serde_json::to_vec(&event).map_err(|error| Trouble::new(format!("FILE: {error}")))
}

/// A text that is a whole number, written as JSON writes it, names a numbered booking.
fn booking(text: &str) -> Booking<'_> {
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => Booking::Number(number),
        _ => Booking::Text(text),
    }
}

fn refused(what: &str, problem: &Problem) -> Answer {
    complain(&format!("refused: {what}{}", problem.lines().join("\n")));
    Answer::No
}

fn read_answer<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Trouble> {
    serde_json::from_slice(body)
        .map_err(|error| Trouble::new(format!("--url: the server does not answer as the API does: {error}")))
}

fn open(file: &Path) -> Result<Box<dyn BufRead>, Trouble> {
    if file == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let opened = File::open(file)
        .map_err(|error| Trouble::new(format!("FILE: {} cannot be read: {error}", file.display())))?;
    Ok(Box::new(BufReader::new(opened)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_as_json_writes_them_are_numbers() {
        assert!(matches!(booking("9001"), Booking::Number(9001)));
        for text in ["007", "+1", "book_1", "1.0", "99999999999999999999"] {
            assert!(matches!(booking(text), Booking::Text(same) if same == text), "{text}");
        }
    }
}
