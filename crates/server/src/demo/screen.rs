//! Where the demo shows itself: lines that stay, and on a terminal a frame below them that is
//! drawn anew in its place.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};

use super::paint::Paint;

/// Narrower or lower terminals get plain lines.
const LEAST_WIDTH: usize = 50;
/// Text is not spread wider than this.
const MOST_WIDTH: usize = 110;
/// Where nobody says how wide it is.
const PLAIN_WIDTH: usize = 100;

const HIDE_CURSOR: &str = "\x1b[?25l";
const SHOW_CURSOR: &str = "\x1b[?25h";
const ERASE_LINE_END: &str = "\x1b[K";
const ERASE_BELOW: &str = "\x1b[J";

/// Finds out how many columns and rows there are, where that can be found out.
type Measure = fn() -> Option<(usize, usize)>;

/// The screen. What it hid of the terminal it shows again when dropped.
pub(crate) struct Screen {
    out: Box<dyn Write + Send>,
    /// `None` where the output is no terminal.
    size: Option<Measure>,
    /// The colours.
    pub(crate) paint: Paint,
    /// Lines of the frame that stand below everything else now.
    drawn: usize,
}

/// What the environment says about terminals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manners {
    /// `NO_COLOR` is set and not empty (no-color.org).
    pub(crate) no_colour: bool,
    /// `TERM` is `dumb`: the terminal knows no control codes.
    pub(crate) dumb: bool,
}

impl Screen {
    /// The standard output.
    pub(crate) fn stdout(manners: Manners) -> Self {
        let capable = io::stdout().is_terminal() && !manners.dumb;
        Self {
            out: Box::new(io::stdout()),
            size: capable.then_some(size_of_stdout),
            paint: Paint { colours: capable && !manners.no_colour },
            drawn: 0,
        }
    }

    /// Whether frames of so many lines can be drawn in place.
    pub(crate) fn is_live(&self, lines: usize) -> bool {
        self.dimensions().is_some_and(|(columns, rows)| columns >= LEAST_WIDTH && lines < rows)
    }

    /// How many columns text may take.
    pub(crate) fn width(&self) -> usize {
        self.dimensions().map_or(PLAIN_WIDTH, |(columns, _)| columns.saturating_sub(1).min(MOST_WIDTH))
    }

    /// Shows a line that stays, above the frame.
    pub(crate) fn line(&mut self, text: &str) {
        let mut bytes = String::new();
        if self.drawn > 0 {
            let _ = write!(bytes, "\x1b[{}F{ERASE_BELOW}", self.drawn);
            self.drawn = 0;
        }
        bytes.push_str(text);
        bytes.push('\n');
        self.put(&bytes);
    }

    /// Draws the frame, in place of the one before.
    pub(crate) fn frame(&mut self, lines: &[String]) {
        let mut bytes = String::from(HIDE_CURSOR);
        if self.drawn > 0 {
            let _ = write!(bytes, "\x1b[{}F", self.drawn);
        }
        for line in lines {
            let _ = writeln!(bytes, "{line}{ERASE_LINE_END}");
        }
        bytes.push_str(ERASE_BELOW);
        self.drawn = lines.len();
        self.put(&bytes);
    }

    /// Draws the frame for the last time, to stay where it is; on any output, terminal or not.
    pub(crate) fn last_frame(&mut self, lines: &[String]) {
        if self.drawn > 0 {
            self.frame(lines);
            self.keep_frame();
        } else {
            for line in lines {
                self.line(line);
            }
        }
    }

    /// Leaves the frame where it stands; what follows goes below it.
    fn keep_frame(&mut self) {
        if self.drawn > 0 {
            self.drawn = 0;
            self.put(SHOW_CURSOR);
        }
    }

    fn dimensions(&self) -> Option<(usize, usize)> {
        self.size.and_then(|size| size())
    }

    /// Whoever has closed the output does not want to see it: no reason to stop.
    fn put(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.keep_frame();
    }
}

fn size_of_stdout() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some((usize::from(size.ws_col), usize::from(size.ws_row)))
        .filter(|(columns, rows)| *columns > 0 && *rows > 0)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Tape(Arc<Mutex<Vec<u8>>>);

    impl Write for Tape {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Tape {
        fn text(&self) -> String {
            String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
        }
    }

    fn screen(size: Option<Measure>) -> (Screen, Tape) {
        let tape = Tape::default();
        let paint = Paint { colours: size.is_some() };
        (Screen { out: Box::new(tape.clone()), size, paint, drawn: 0 }, tape)
    }

    #[test]
    fn frames_are_drawn_in_place_and_lines_stay_above_them() {
        let (mut screen, tape) = screen(Some(|| Some((80, 24))));
        screen.frame(&["a".to_owned(), "b".to_owned()]);
        assert_eq!(tape.text(), "\x1b[?25la\x1b[K\nb\x1b[K\n\x1b[J");
        screen.frame(&["c".to_owned()]);
        assert_eq!(tape.text(), "\x1b[?25l\x1b[2Fc\x1b[K\n\x1b[J");
        screen.line("news");
        assert_eq!(tape.text(), "\x1b[1F\x1b[Jnews\n");
        screen.frame(&["d".to_owned()]);
        tape.text();
        drop(screen);
        assert_eq!(tape.text(), "\x1b[?25h", "the cursor is shown again");
    }

    #[test]
    fn only_terminals_with_room_are_live() {
        assert!(screen(Some(|| Some((80, 24)))).0.is_live(14));
        assert!(!screen(Some(|| Some((80, 12)))).0.is_live(14));
        assert!(!screen(Some(|| Some((40, 24)))).0.is_live(14));
        let (mut plain, tape) = screen(None);
        assert!(!plain.is_live(1));
        assert_eq!(plain.width(), PLAIN_WIDTH);
        plain.line("x");
        drop(plain);
        assert_eq!(tape.text(), "x\n", "no control codes");
    }
}
