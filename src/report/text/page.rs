//! A page: labels on the left, text in one column on the right. Everything on it is sanitised here.

use std::io::{self, Write};

use crate::report::Style;
use crate::report::terminal::{Ink, Sanitized};
use crate::report::wording::wrap;

/// Characters before the column of text: the longest label, `fingerprint`, and a space.
const INDENT: usize = 12;

/// The text column is never narrower than this, however narrow the terminal is.
const NARROWEST: usize = 24;

/// Writes lines and remembers how wide and how colourful they may be.
pub(super) struct Page<'a> {
    out: &'a mut dyn Write,
    color: bool,
    width: usize,
}

/// The text beside a label.
#[derive(Clone, Copy)]
pub(super) enum Body<'a> {
    /// Wrapped at the width of the page.
    Prose(&'a str),
    /// A place or an address, on one line of any length: it stays whole and can be clicked. Behind it a remark, or
    /// below it where the line has no room.
    Link(&'a str, &'a str),
    /// One line of any length.
    Verbatim(&'a str),
    /// A numbered step, wrapped beside its number.
    Step(usize, &'a str),
    /// Prose that belongs to the line above it.
    Below(&'a str),
}

impl<'a> Page<'a> {
    pub(super) fn new(style: &Style, out: &'a mut dyn Write) -> Self {
        Self { out, color: style.color, width: style.width }
    }

    /// Writes one entry. A label of no characters continues the entry above.
    pub(super) fn entry(&mut self, label: &str, body: Body<'_>) -> io::Result<()> {
        match body {
            Body::Prose(text) => self.hanging(label, "", text),
            Body::Below(text) => self.hanging(label, "  ", text),
            Body::Step(number, text) => self.hanging(label, &format!("{number}. "), text),
            Body::Link(place, remark) => {
                let (place, beside) = (Sanitized(place).to_string(), Sanitized(remark).to_string());
                let length = place.chars().count() + 2 + beside.chars().count();
                let place = self.paint(Ink::Link, &place);
                if remark.is_empty() {
                    self.labelled(label, &place)
                } else if self.width == 0 || length <= self.column() {
                    self.labelled(label, &format!("{place}  {beside}"))
                } else {
                    self.labelled(label, &place)?;
                    self.hanging("", "  ", remark)
                }
            }
            Body::Verbatim(text) => self.labelled(label, &Sanitized(text).to_string()),
        }
    }

    /// Writes the line with which a finding begins: how bad it is, what it is, and the rule on a line of its own.
    pub(super) fn headline(&mut self, ink: Ink, severity: &str, title: &str, rule: &str) -> io::Result<()> {
        for (at, line) in wrap(&Sanitized(title).to_string(), self.column()).into_iter().enumerate() {
            let severity = if at == 0 { severity } else { "" };
            let line = self.paint(Ink::Strong, &line);
            self.beside(ink, severity, &line)?;
        }
        let rule = self.paint(Ink::Faint, &Sanitized(rule).to_string());
        self.labelled("", &rule)
    }

    /// Writes a paragraph over the whole width.
    pub(super) fn paragraph(&mut self, ink: Ink, text: &str) -> io::Result<()> {
        for line in wrap(&Sanitized(text).to_string(), self.width) {
            let line = self.paint(ink, &line);
            writeln!(self.out, "{line}")?;
        }
        Ok(())
    }

    pub(super) fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// Wraps `text` beside `mark`, and lets later lines hang below the text.
    fn hanging(&mut self, label: &str, mark: &str, text: &str) -> io::Result<()> {
        let column = match self.column() {
            0 => 0,
            column => column.saturating_sub(mark.len()),
        };
        for (at, line) in wrap(&Sanitized(text).to_string(), column).into_iter().enumerate() {
            if at == 0 {
                self.labelled(label, &format!("{mark}{line}"))?;
            } else {
                self.labelled("", &format!("{:1$}{line}", "", mark.len()))?;
            }
        }
        Ok(())
    }

    fn labelled(&mut self, label: &str, text: &str) -> io::Result<()> {
        self.beside(Ink::Faint, label, text)
    }

    /// Writes one line; `text` is sanitised and painted already.
    fn beside(&mut self, ink: Ink, label: &str, text: &str) -> io::Result<()> {
        let gap = INDENT.saturating_sub(label.len());
        let label = self.paint(ink, label);
        writeln!(self.out, "{label}{:gap$}{text}", "")
    }

    fn paint(&self, ink: Ink, text: &str) -> String {
        if self.color { ink.paint(text) } else { text.to_owned() }
    }

    /// Characters of the text column; 0 means no limit.
    fn column(&self) -> usize {
        match self.width {
            0 => 0,
            width => width.saturating_sub(INDENT).max(NARROWEST),
        }
    }
}
