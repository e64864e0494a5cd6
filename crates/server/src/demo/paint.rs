//! Colours, where they are wanted: SGR codes of ECMA-48.

/// Paints text, or leaves it as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paint {
    /// Whether colours are wanted.
    pub(crate) colours: bool,
}

/// What a text is meant to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// A heading.
    Strong,
    /// All is well.
    Good,
    /// Something to look at.
    Odd,
    /// Something is wrong.
    Bad,
    /// Less important than the rest.
    Faint,
    /// Like everything else.
    Plain,
}

impl Paint {
    /// The text in this tone. Takes no room besides its own.
    pub(crate) fn text(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Strong => "1",
            Tone::Good => "32",
            Tone::Odd => "33",
            Tone::Bad => "31",
            Tone::Faint => "2",
            Tone::Plain => return text.to_owned(),
        };
        if self.colours && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
