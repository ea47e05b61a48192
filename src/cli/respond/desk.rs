//! The desk: where questions go, to the answers file first, then to the person at the terminal, if there is one.

use kbsec::playbook::{Facts, Prompt, Prompter, Question, Reply, Shown};

use super::answers::{Answers, missing};
use super::screen::Screen;
use super::terminal::{Line, Terminal};

/// Who is asked, and where things are shown.
pub(crate) struct Desk {
    pub(crate) screen: Screen,
    pub(crate) answers: Answers,
    /// None where nobody can answer.
    pub(crate) person: Option<Terminal>,
    /// Whether the keys were explained.
    pub(crate) introduced: bool,
}

impl Prompter for Desk {
    fn show(&mut self, shown: &Shown<'_>) {
        self.screen.show(shown);
    }

    fn ask(&mut self, prompt: &Prompt<'_>, _facts: &Facts) -> Reply {
        if let Some(reply) = self.answers.reply(prompt) {
            return reply;
        }
        if self.person.is_none() {
            return Reply::Nobody(missing(prompt));
        }
        if !self.introduced {
            self.introduced = true;
            let keys =
                "At every question: s skip it, n write a note, l show the log, ? why, q pause. Then Enter.";
            self.screen.line("keys", keys);
        }
        match prompt {
            Prompt::Consent(_) => self.consent("y = do it"),
            Prompt::Again(_) => self.consent("y = try again, s = leave it for now"),
            Prompt::Hash(_, hash) => self.hash(hash),
            Prompt::Proof(_) => self.proof(),
            Prompt::Fact(_, question) => self.fact(question),
        }
    }
}

impl Desk {
    /// A line, or one of the keys that work everywhere.
    fn line(&mut self, prompt: &str) -> Result<String, Reply> {
        let Some(person) = self.person.as_mut() else { return Err(Reply::Pause) };
        let text = match person.line(&format!("{:>12}{prompt} > ", "")) {
            Line::Text(bytes) => String::from_utf8_lossy(&bytes).trim().to_owned(),
            Line::End => return Err(Reply::Pause),
            Line::Interrupted => return Err(Reply::Interrupted),
        };
        match text.as_str() {
            "q" => Err(Reply::Pause),
            "l" => Err(Reply::Log),
            "?" => Err(Reply::Why),
            "n" => Err(self.more("note").map_or_else(|reply| reply, Reply::Note)),
            "s" => Err(self.more("why is it left out?").map_or_else(|reply| reply, Reply::Skip)),
            _ => Ok(text),
        }
    }

    /// The text of a note or a reason.
    fn more(&mut self, prompt: &str) -> Result<String, Reply> {
        let Some(person) = self.person.as_mut() else { return Err(Reply::Pause) };
        match person.line(&format!("{:>12}{prompt} > ", "")) {
            Line::Text(bytes) => match String::from_utf8_lossy(&bytes).trim() {
                "" => Ok("no reason given".to_owned()),
                text => Ok(text.to_owned()),
            },
            Line::End => Err(Reply::Pause),
            Line::Interrupted => Err(Reply::Interrupted),
        }
    }

    /// Yes, and nothing that was typed before the question was seen.
    fn consent(&mut self, keys: &str) -> Reply {
        self.person.as_mut().map(Terminal::forget).unwrap_or_default();
        loop {
            match self.line(keys) {
                Err(reply) => return reply,
                Ok(text) if ["y", "yes"].contains(&text.to_lowercase().as_str()) => return Reply::Yes,
                Ok(_) => self.screen.line("", "Nothing is done yet. Type y to do it, or s to skip it."),
            }
        }
    }

    fn hash(&mut self, hash: &str) -> Reply {
        self.person.as_mut().map(Terminal::forget).unwrap_or_default();
        self.screen.line("careful", "This cannot be undone.");
        loop {
            match self.line(&format!("type {hash} to do it")) {
                Err(reply) => return reply,
                Ok(text) if text.eq_ignore_ascii_case(hash) => return Reply::Yes,
                Ok(_) => self.screen.line("", "That is not it. Nothing is done yet; s skips it."),
            }
        }
    }

    fn proof(&mut self) -> Reply {
        loop {
            match self.line("d = done") {
                Err(reply) => return reply,
                Ok(text) if ["d", "done", "y"].contains(&text.to_lowercase().as_str()) => {
                    return match self.more("what shows that it is done? (a word, or Enter)") {
                        Ok(text) if text == "no reason given" => Reply::Yes,
                        Ok(text) => Reply::Text(text),
                        Err(reply) => reply,
                    };
                }
                Ok(text) if text.chars().count() > 3 => return Reply::Text(text),
                Ok(_) => self.screen.line("", "Type d when it is done, s to leave it out, q to go on later."),
            }
        }
    }

    fn fact(&mut self, question: &Question) -> Reply {
        self.screen.line("question", &question.text);
        let choices: Vec<String> =
            question.choices.iter().enumerate().map(|(at, choice)| format!("{} {choice}", at + 1)).collect();
        loop {
            let text = match self.line(&choices.join(", ")) {
                Err(reply) => return reply,
                Ok(text) => text,
            };
            if question.choices.is_empty() {
                match text.is_empty() {
                    true if question.optional => return Reply::Skip("no answer".into()),
                    true => self.screen.line("", "Type an answer, or s to leave it open."),
                    false => return Reply::Text(text),
                }
                continue;
            }
            let numbered = text.parse::<usize>().ok().and_then(|at| question.choices.get(at.checked_sub(1)?));
            let named = question.choices.iter().find(|choice| choice.eq_ignore_ascii_case(&text));
            match numbered.or(named) {
                Some(choice) => return Reply::Text(choice.clone()),
                None => self.screen.line("", "Type one of the numbers."),
            }
        }
    }
}
