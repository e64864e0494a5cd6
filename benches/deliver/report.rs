//! The table at the end.

use std::fmt;
use std::time::Duration;

/// One run.
pub(crate) struct Row {
    per_second: f64,
    cpu: Option<f64>,
    memory: Option<f64>,
}

impl Row {
    pub(crate) fn new(deliveries: usize, took: Duration, cpu: Option<Duration>, memory: Option<u64>) -> Self {
        let deliveries = deliveries as f64;
        Self {
            per_second: deliveries / took.as_secs_f64(),
            cpu: cpu.map(|it| it.as_secs_f64() * 1e6 / deliveries),
            memory: memory.map(|it| it as f64 / f64::from(1 << 20)),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} deliveries/s", self.per_second)?;
        if let (Some(cpu), Some(memory)) = (self.cpu, self.memory) {
            write!(f, ", {cpu:.1} µs CPU each, {memory:.1} MiB")?;
        }
        Ok(())
    }
}

/// Prints every figure as its median and, in brackets, its smallest and largest.
pub(crate) fn report(title: &str, bare: &[Row], whole: &[Row], latencies: &[Duration]) {
    println!();
    println!("{:<46} {:>12}  {:>23}", "", "median", "smallest – largest");
    let bare_rate: Vec<f64> = bare.iter().map(|row| row.per_second).collect();
    line("bare client, no engine: posts/s", &bare_rate, 0);
    let rate: Vec<f64> = whole.iter().map(|row| row.per_second).collect();
    line(title, &rate, 0);
    let cpu: Vec<f64> = whole.iter().filter_map(|row| row.cpu).collect();
    line("  CPU of server and database per delivery, µs", &cpu, 1);
    let memory: Vec<f64> = whole.iter().filter_map(|row| row.memory).collect();
    line("  largest memory of the server, MiB", &memory, 1);
    let mut millis: Vec<f64> = latencies.iter().map(|it| it.as_secs_f64() * 1e3).collect();
    millis.sort_by(f64::total_cmp);
    let at = |part: f64| millis[((millis.len() - 1) as f64 * part) as usize];
    println!(
        "at 100 events/s, from enqueue to arrival: p50 {:.2} ms, p90 {:.2} ms, p99 {:.2} ms, largest {:.2} ms ({} events)",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0),
        millis.len()
    );
}

/// One run on one of two databases.
pub(crate) struct Run {
    /// Deliveries per second.
    pub(crate) rate: f64,
    /// Of server and database, in microseconds per delivery.
    pub(crate) cpu: f64,
    /// The part of it that a PostgreSQL used.
    pub(crate) database_cpu: f64,
    /// Bytes in the database per delivery.
    pub(crate) stored: f64,
    /// Bytes that were written for it.
    pub(crate) logged: f64,
    /// From enqueue to arrival.
    pub(crate) latencies: Vec<Duration>,
}

/// Two runs, one after the other.
pub(crate) struct Compared {
    pub(crate) empty: Run,
    pub(crate) full: Run,
}

impl Run {
    fn latency(&self, part: f64) -> f64 {
        let mut millis: Vec<f64> = self.latencies.iter().map(|it| it.as_secs_f64() * 1e3).collect();
        millis.sort_by(f64::total_cmp);
        millis[((millis.len() - 1) as f64 * part) as usize]
    }
}

/// Prints both sides, and what became of the empty side's figures: each ratio is that of two
/// neighbouring runs.
pub(crate) fn compare(title: &str, pairs: &[Compared]) {
    println!("\n{title}");
    println!("{:<46} {:>12}  {:>23}", "", "median", "smallest – largest");
    let figures = |of: &dyn Fn(&Run) -> f64| {
        let empty: Vec<f64> = pairs.iter().map(|it| of(&it.empty)).collect();
        let full: Vec<f64> = pairs.iter().map(|it| of(&it.full)).collect();
        let ratios: Vec<f64> = full.iter().zip(&empty).map(|(full, empty)| full / empty * 100.0).collect();
        (empty, full, ratios)
    };
    let print = |name: &str, of: &dyn Fn(&Run) -> f64, digits: usize| {
        let (empty, full, ratios) = figures(of);
        line(&format!("{name}, empty"), &empty, digits);
        line(&format!("{name}, with history"), &full, digits);
        line("  of the empty one, %", &ratios, 1);
    };
    print("deliveries/s", &|run| run.rate, 0);
    print("CPU per delivery, µs", &|run| run.cpu, 1);
    if pairs.iter().any(|it| it.empty.database_cpu > 0.0) {
        print("  PostgreSQL's part, µs", &|run| run.database_cpu, 1);
    }
    print("enqueue to arrival, p50, ms", &|run| run.latency(0.5), 2);
    print("enqueue to arrival, p99, ms", &|run| run.latency(0.99), 2);
    print("bytes stored per delivery", &|run| run.stored, 0);
    print("bytes written per delivery", &|run| run.logged, 0);
}

fn line(name: &str, figures: &[f64], digits: usize) {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (smallest, median, largest) = (sorted[0], sorted[sorted.len() / 2], sorted[sorted.len() - 1]);
    let spread = format!("{smallest:.digits$} – {largest:.digits$}");
    println!("{name:<46} {median:>12.digits$}  {spread:>23}");
}
