//! The body of an armoured block: its base 64, freed from what the place it was found in put around each line.

/// Characters that stand before a line in diffs, mails and comments.
const LINE_PREFIX: &[u8] = b" \t>#/+*|-;";
/// Those of them that no base 64 has.
const NO_BASE64: &[u8] = b" \t>#*|-;";
const LONGEST_PREFIX: usize = 32;
/// A body on one line is base 64 from its first word of this length on; what stands before are headers.
const LONG_WORD: usize = 40;

/// What stands between the BEGIN line and the END line.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// Characters of base 64, with padding.
    pub(super) base64: Vec<u8>,
    /// The checksum of OpenPGP armour.
    pub(super) checksum: Option<u32>,
    /// Whether a header says that it is encrypted.
    pub(super) encrypted: bool,
    /// Whether there is nothing else in it.
    pub(super) clean: bool,
}

/// A line of the body, freed from its surroundings, and where it ends in the text.
struct Line {
    text: Vec<u8>,
    end: usize,
}

impl Body {
    /// Reads the text before an END line, whose own prefix tells that of the others.
    pub(super) fn between(text: &[u8]) -> Self {
        let last_line = memchr::memrchr(b'\n', text).map(|at| &text[at + 1..]);
        let prefix = last_line.map(|line| leading(line, LINE_PREFIX)).unwrap_or_default();
        let mut body = Self { clean: true, ..Self::default() };
        let lines = lines(text, prefix);
        let single = lines.iter().filter(|line| !line.text.trim_ascii().is_empty()).count() == 1;
        for line in &lines {
            body.take(&line.text, single);
        }
        body
    }

    /// Reads a text without END line as far as it is base 64, and tells how far that is.
    pub(super) fn open_ended(text: &[u8]) -> (Self, usize) {
        let prefix = common_prefix(text);
        let mut body = Self { clean: true, ..Self::default() };
        let mut read = 0;
        for line in lines(text, prefix) {
            let length = body.base64.len();
            body.take(&line.text, false);
            if !body.clean {
                body.base64.truncate(length);
                break;
            }
            read = line.end;
        }
        (body, read)
    }

    fn take(&mut self, line: &[u8], single: bool) {
        if single {
            return self.take_words(line);
        }
        let line = line.trim_ascii();
        if self.base64.is_empty() && is_header(line) {
            self.encrypted |= says_encrypted(line);
        } else if let ([b'=', digits @ ..], false, 5) = (line, self.base64.is_empty(), line.len()) {
            self.checksum = checksum(digits);
        } else {
            self.take_base64(line);
        }
    }

    /// A body whose line breaks became spaces.
    fn take_words(&mut self, line: &[u8]) {
        self.encrypted = says_encrypted(line);
        let words: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
        let first = words
            .iter()
            .position(|word| word.len() >= LONG_WORD && word.iter().copied().all(is_base64))
            .unwrap_or(0);
        for word in &words[first..] {
            match word {
                [b'=', digits @ ..] if digits.len() == 4 => self.checksum = checksum(digits),
                _ => self.take_base64(word),
            }
        }
    }

    fn take_base64(&mut self, text: &[u8]) {
        for byte in text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()) {
            self.clean &= is_base64(byte) || byte == b'=';
            self.base64.push(byte);
        }
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// `Proc-Type: 4,ENCRYPTED`, `Version: 1`.
fn is_header(line: &[u8]) -> bool {
    memchr::memchr(b':', line).is_some_and(|colon| {
        matches!(colon, 2..=32)
            && line[..colon].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    })
}

fn says_encrypted(line: &[u8]) -> bool {
    memchr::memmem::find(line, b"Proc-Type:").is_some() && memchr::memmem::find(line, b"ENCRYPTED").is_some()
}

fn checksum(digits: &[u8]) -> Option<u32> {
    let bytes: [u8; 3] = super::from_base64(digits)?.try_into().ok()?;
    Some(u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]))
}

fn leading<'a>(line: &'a [u8], class: &[u8]) -> &'a [u8] {
    let end = line.iter().take(LONGEST_PREFIX).position(|byte| !class.contains(byte));
    &line[..end.unwrap_or(line.len().min(LONGEST_PREFIX))]
}

/// What the first lines after the BEGIN line have before them. A single line tells too little to take away what may
/// be base 64.
fn common_prefix(text: &[u8]) -> &[u8] {
    let mut lines = text.split(|&byte| byte == b'\n').skip(1).filter(|line| !line.trim_ascii().is_empty());
    let Some(first) = lines.next() else {
        return &[];
    };
    match (lines.next(), lines.next()) {
        (Some(second), third) => {
            let prefix = leading(first, LINE_PREFIX);
            let shared =
                |other: &[u8]| prefix.iter().zip(other).take_while(|(one, other)| one == other).count();
            &prefix[..shared(second).min(third.map_or(usize::MAX, shared))]
        }
        (None, _) => leading(first, NO_BASE64),
    }
}

/// Splits at line breaks, real or escaped, and takes away prefixes, escapes and what stands outside of quotes.
fn lines(text: &[u8], prefix: &[u8]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut line = Vec::new();
    let mut inside = true;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let (meaning, next) = if byte == b'\\' { escape(text, at) } else { (Some(byte), at + 1) };
        match meaning {
            Some(b'\n' | b'\r') => lines.push(Line { text: std::mem::take(&mut line), end: at }),
            Some(b'"' | b'\'' | b'`') => inside = !inside,
            Some(other) if inside => line.push(other),
            _ => {}
        }
        at = next;
        if byte == b'\n' {
            at += skipped(&text[at..], prefix);
        }
    }
    lines.push(Line { text: line, end: text.len() });
    lines
}

/// How much of the prefix stands here: all, all but the spaces at its end, or nothing.
fn skipped(line: &[u8], prefix: &[u8]) -> usize {
    let short = prefix.trim_ascii_end();
    [prefix, short].into_iter().find(|prefix| line.starts_with(prefix)).map_or(0, <[u8]>::len)
}

/// The character that backslashes (any number: escapes get escaped) and what follows them stand for, and where the
/// text goes on.
fn escape(text: &[u8], at: usize) -> (Option<u8>, usize) {
    let backslashes = text[at..].iter().take_while(|&&byte| byte == b'\\').count();
    let after = at + backslashes;
    match text.get(after) {
        Some(b'n' | b'r') => (Some(b'\n'), after + 1),
        Some(b't') => (None, after + 1),
        Some(b'u') => match text.get(after + 1..after + 5).and_then(unicode) {
            Some(byte) => (Some(byte), after + 5),
            None => (Some(b'\\'), after),
        },
        // The character itself comes next: a quote, a slash, a line break.
        _ => (None, after),
    }
}

fn unicode(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits.strip_prefix(b"00")?).ok()?, 16).ok()
}
