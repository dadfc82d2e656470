//! What a request asks for: read in passing of every one of them, also where nobody reads the rest any more.

use std::fmt;
use std::hash::{Hash, Hasher};

/// What a request asks for, as its protocol counts it. Made of words of ours and of codes alone, so that nothing a client
/// writes is in it. Its name is looked up when it is shown, not when it is read.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    form: Form,
    code: u32,
}

/// How an operation is written: names by code, and the word for codes that have none.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// `read holding registers (3)`, `function 101`
    Decimal(&'static Names, &'static str),
    /// `batch read (0x0401)`, `command 0x0999`
    Hexadecimal(&'static Names, &'static str),
    /// `memory area read (1/1)`, `function 5/9`: of the code, the lower 16 bits are the second number.
    Pair(&'static PairNames, &'static str),
    /// `GET`
    Word(&'static str),
    /// `ADT^A01`: the code is the three characters of the event.
    Triggered(&'static str),
}

/// Names by code.
pub(crate) type Names = [(u16, &'static str)];

/// Names by two codes.
pub(crate) type PairNames = [((u16, u16), &'static str)];

impl Operation {
    /// The name of a code where it has one, otherwise `word` and the code.
    pub(crate) fn of(names: &'static Names, word: &'static str, code: u16) -> Operation {
        Operation {
            form: Form::Decimal(names, word),
            code: code.into(),
        }
    }

    /// The same, of a code that is written in hexadecimal.
    pub(crate) fn hex(names: &'static Names, word: &'static str, code: u16) -> Operation {
        Operation {
            form: Form::Hexadecimal(names, word),
            code: code.into(),
        }
    }

    /// The same, of a code of two parts.
    pub(crate) fn pair(
        names: &'static PairNames,
        word: &'static str,
        group: u16,
        code: u16,
    ) -> Operation {
        Operation {
            form: Form::Pair(names, word),
            code: u32::from(group) << 16 | u32::from(code),
        }
    }

    /// One that is a word of the protocol itself.
    pub(crate) const fn word(name: &'static str) -> Operation {
        Operation {
            form: Form::Word(name),
            code: 0,
        }
    }

    /// A word and the event that occasioned it: a letter and two digits, otherwise it is left out.
    pub(crate) fn triggered(name: &'static str, event: [u8; 3]) -> Operation {
        let [a, b, c] = event;
        if a.is_ascii_uppercase() && b.is_ascii_digit() && c.is_ascii_digit() {
            Operation {
                form: Form::Triggered(name),
                code: u32::from_be_bytes([0, a, b, c]),
            }
        } else {
            Operation::word(name)
        }
    }

    /// A number that is another for another operation, for whoever remembers the latest ones: quicker than comparing them.
    #[must_use]
    pub fn number(&self) -> u64 {
        let (word, names) = self.place();
        let place = (word.addr() ^ names.rotate_left(16)) as u64;
        place << 32 | u64::from(self.code)
    }

    /// Where its words stand: an address is compared sooner than a text. The same words may stand in two places, which
    /// makes two operations that are shown alike.
    fn place(&self) -> (*const u8, usize) {
        let word = match self.form {
            Form::Decimal(_, word)
            | Form::Hexadecimal(_, word)
            | Form::Pair(_, word)
            | Form::Word(word)
            | Form::Triggered(word) => word,
        };
        let names = match self.form {
            Form::Decimal(names, _) | Form::Hexadecimal(names, _) => names.as_ptr().addr(),
            Form::Pair(names, _) => names.as_ptr().addr(),
            Form::Word(_) | Form::Triggered(_) => 0,
        };
        (word.as_ptr(), names)
    }
}

impl PartialEq for Operation {
    fn eq(&self, other: &Operation) -> bool {
        self.code == other.code && self.place() == other.place()
    }
}

impl Eq for Operation {}

impl Hash for Operation {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.code, self.place()).hash(state);
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Operation { form, code } = *self;
        let named = |names: &Names| {
            let mut known = names.iter();
            let found = known.find(|(known, _)| u32::from(*known) == code);
            found.map(|(_, name)| *name)
        };
        match form {
            Form::Decimal(names, word) => match named(names) {
                Some(name) => write!(f, "{name} ({code})"),
                None => write!(f, "{word} {code}"),
            },
            Form::Hexadecimal(names, word) => match named(names) {
                Some(name) => write!(f, "{name} (0x{code:04x})"),
                None => write!(f, "{word} 0x{code:04x}"),
            },
            Form::Pair(names, word) => {
                let (group, low) = (code >> 16, code & 0xffff);
                let whole = |pair: (u16, u16)| u32::from(pair.0) << 16 | u32::from(pair.1);
                match names.iter().find(|(pair, _)| whole(*pair) == code) {
                    Some((_, name)) => write!(f, "{name} ({group}/{low})"),
                    None => write!(f, "{word} {group}/{low}"),
                }
            }
            Form::Word(name) => f.write_str(name),
            Form::Triggered(name) => {
                let [_, a, b, c] = code.to_be_bytes().map(char::from);
                write!(f, "{name}^{a}{b}{c}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [(u16, &str); 1] = [(3, "read")];

    #[test]
    fn codes_are_shown_with_their_names_and_without() {
        let shown = [
            Operation::of(&NAMES, "function", 3),
            Operation::of(&NAMES, "function", 9),
            Operation::hex(&NAMES, "command", 3),
            Operation::pair(&[((1, 2), "stop")], "service", 1, 2),
            Operation::pair(&[], "service", 1, 3),
            Operation::triggered("ADT", *b"A01"),
            Operation::triggered("ADT", *b"JOE"),
        ];
        assert_eq!(
            shown.map(|operation| operation.to_string()),
            [
                "read (3)",
                "function 9",
                "read (0x0003)",
                "stop (1/2)",
                "service 1/3",
                "ADT^A01",
                "ADT"
            ]
        );
    }
}
