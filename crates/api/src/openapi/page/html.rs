//! HTML text, in which everything that comes from the document is escaped.

/// A page that is being written.
#[derive(Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup of our own.
    pub(super) fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        self
    }

    /// An element with text alone.
    pub(super) fn element(&mut self, name: &str, text: &str) -> &mut Self {
        self.raw("<").raw(name).raw(">").text(text).raw("</").raw(name).raw(">")
    }

    /// An element that others link to.
    pub(super) fn heading(&mut self, name: &str, id: &str, text: &str) -> &mut Self {
        self.raw("<").raw(name).raw(" id=\"").text(id).raw("\">").text(text).raw("</").raw(name).raw(">")
    }

    /// A link to an element of the page.
    pub(super) fn link(&mut self, id: &str, text: &str) -> &mut Self {
        self.raw("<a href=\"#").text(id).raw("\">").text(text).raw("</a>")
    }

    /// A paragraph, in which what stands between backticks is code; nothing for no text.
    pub(super) fn prose(&mut self, text: &str) -> &mut Self {
        if text.is_empty() {
            return self;
        }
        self.raw("<p>");
        for (at, part) in text.split('`').enumerate() {
            if at % 2 == 0 {
                self.text(part)
            } else {
                self.element("code", part)
            };
        }
        self.raw("</p>")
    }

    pub(super) fn finish(&mut self) -> String {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_code_is_marked() {
        let html = Html::default().prose("a < b: `<x y=\"z\">` & 'c'").finish();
        assert_eq!(html, "<p>a &lt; b: <code>&lt;x y=&quot;z&quot;&gt;</code> &amp; &#39;c&#39;</p>");
    }
}
