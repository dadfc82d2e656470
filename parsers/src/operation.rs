//! What a request asks for: read in passing of every one of them, also where nobody reads the rest any more.

use std::fmt;

/// What a request asks for, as its protocol counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operation {
    /// Its name, or, where the code has none, the word for such codes.
    name: &'static str,
    code: u32,
    form: Form,
}

/// How an operation is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    /// `read holding registers (3)`
    Named,
    /// `function 101`
    Unnamed,
    /// `memory area read (1/1)`: of the code, the lower 16 bits are the second number.
    NamedPair,
    /// `function 5/9`
    UnnamedPair,
    /// `batch read (0x0401)`
    NamedHex,
    /// `command 0x0999`
    UnnamedHex,
    /// `GET`
    Word,
    /// `ADT^A01`: the code is the three characters of the event.
    Triggered,
}

/// Names by code.
pub(crate) type Names = [(u16, &'static str)];

/// Names by two codes.
pub(crate) type PairNames = [((u16, u16), &'static str)];

impl Operation {
    /// The name of a code where it has one, otherwise `word` and the code.
    pub(crate) fn of(names: &Names, word: &'static str, code: u16) -> Operation {
        Operation::named(names, word, code, (Form::Named, Form::Unnamed))
    }

    /// The same, of a code that is written in hexadecimal.
    pub(crate) fn hex(names: &Names, word: &'static str, code: u16) -> Operation {
        Operation::named(names, word, code, (Form::NamedHex, Form::UnnamedHex))
    }

    /// The same, of a code of two parts.
    pub(crate) fn pair(names: &PairNames, word: &'static str, group: u16, code: u16) -> Operation {
        let known = names.iter().find(|(pair, _)| *pair == (group, code));
        let (name, form) = match known {
            Some((_, name)) => (*name, Form::NamedPair),
            None => (word, Form::UnnamedPair),
        };
        let code = u32::from(group) << 16 | u32::from(code);
        Operation { name, code, form }
    }

    /// One that is a word of the protocol itself.
    pub(crate) const fn word(name: &'static str) -> Operation {
        let form = Form::Word;
        Operation {
            name,
            code: 0,
            form,
        }
    }

    /// A word and the event that occasioned it, in three characters.
    pub(crate) fn triggered(name: &'static str, event: [u8; 3]) -> Operation {
        let [a, b, c] = event;
        let fits = event.iter().all(u8::is_ascii_alphanumeric);
        Operation {
            name,
            code: if fits {
                u32::from_be_bytes([0, a, b, c])
            } else {
                0
            },
            form: if fits { Form::Triggered } else { Form::Word },
        }
    }

    fn named(
        names: &Names,
        word: &'static str,
        code: u16,
        (named, unnamed): (Form, Form),
    ) -> Operation {
        let known = names.iter().find(|(known, _)| *known == code);
        let (name, form) = match known {
            Some((_, name)) => (*name, named),
            None => (word, unnamed),
        };
        let code = u32::from(code);
        Operation { name, code, form }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Operation { name, code, form } = *self;
        let (group, low) = (code >> 16, code & 0xffff);
        match form {
            Form::Named => write!(f, "{name} ({code})"),
            Form::Unnamed => write!(f, "{name} {code}"),
            Form::NamedPair => write!(f, "{name} ({group}/{low})"),
            Form::UnnamedPair => write!(f, "{name} {group}/{low}"),
            Form::NamedHex => write!(f, "{name} (0x{code:04x})"),
            Form::UnnamedHex => write!(f, "{name} 0x{code:04x}"),
            Form::Word => f.write_str(name),
            Form::Triggered => {
                let [_, a, b, c] = code.to_be_bytes().map(char::from);
                write!(f, "{name}^{a}{b}{c}")
            }
        }
    }
}
