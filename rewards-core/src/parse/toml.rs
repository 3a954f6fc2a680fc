//! TOML text as a JSON value.
//!
//! The TOML reader tries to make sense of text that is not TOML, and bounds brackets and dotted keys each but not both
//! together, so what it builds can be nested deep enough to overflow the stack when it is dropped. Text is therefore
//! first read to grammar events only, which builds nothing: they must be sound, and not too deep.

use ::toml::de::{DeInteger, DeTable, DeValue};
use serde_json::{Number, Value};
use toml_parser::parser::{EventReceiver, parse_document};
use toml_parser::{ErrorSink, Expected, ParseError, Source, Span};

use super::{NESTING_MAX, bad_syntax, check_size, too_deep};
use crate::rejection::Problem;

/// Reads TOML text to a value. Dates and times become the text they are written as.
pub(crate) fn read_toml(text: &str) -> Result<Value, Vec<Problem>> {
    check_size(text)?;
    check_grammar(text).map_err(|problem| vec![problem])?;
    let table = DeTable::parse(text).map_err(|error| vec![refuse(text, &error)])?;
    table_value(table.into_inner(), NESTING_MAX).ok_or_else(|| vec![too_deep("")])
}

fn check_grammar(text: &str) -> Result<(), Problem> {
    let tokens = Source::new(text).lex().into_vec();
    let mut levels = Levels::default();
    let mut refusal: Option<ParseError> = None;
    parse_document(&tokens, &mut levels, &mut refusal);
    if levels.too_deep {
        return Err(too_deep(""));
    }
    let Some(error) = refusal else {
        return Ok(());
    };
    let mut words = error.description().to_owned();
    for (index, expected) in error.expected().unwrap_or_default().iter().enumerate() {
        words.push_str(if index == 0 { ", expected " } else { ", " });
        match expected {
            Expected::Literal(literal) => words.push_str(&format!("`{}`", literal.escape_debug())),
            Expected::Description(description) => words.push_str(description),
            _ => {}
        }
    }
    let at = error.unexpected().map_or(text.len(), |span| span.start());
    Err(syntax_at(text, at, &words))
}

/// How deep the value is that the grammar events would build.
#[derive(Debug, Default)]
struct Levels {
    /// For every list and table that is open, how deep the value around it is.
    open: Vec<usize>,
    depth: usize,
    /// Levels that the key being read adds.
    key: usize,
    too_deep: bool,
}

impl Levels {
    fn enter(&mut self) -> bool {
        self.open.push(self.depth);
        self.depth = self.depth.saturating_add(self.key).saturating_add(1);
        self.key = 0;
        self.too_deep |= self.depth > NESTING_MAX;
        !self.too_deep
    }

    fn leave(&mut self) {
        self.depth = self.open.pop().unwrap_or_default();
        self.key = 0;
    }
}

impl EventReceiver for Levels {
    fn inline_table_open(&mut self, _: Span, _: &mut dyn ErrorSink) -> bool {
        self.enter()
    }

    fn inline_table_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.leave();
    }

    fn array_open(&mut self, _: Span, _: &mut dyn ErrorSink) -> bool {
        self.enter()
    }

    fn array_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.leave();
    }

    fn std_table_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.key = 0;
    }

    fn array_table_close(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.key = 0;
    }

    fn key_sep(&mut self, _: Span, _: &mut dyn ErrorSink) {
        self.key = self.key.saturating_add(1);
    }

    fn scalar(
        &mut self,
        _: Span,
        _: Option<toml_parser::decoder::Encoding>,
        _: &mut dyn ErrorSink,
    ) {
        self.key = 0;
    }
}

fn refuse(text: &str, error: &::toml::de::Error) -> Problem {
    let words = error.message();
    if words.contains("recursion") || words.contains("recurse") {
        return too_deep("");
    }
    let mut problem = syntax_at(text, error.span().unwrap_or_default().start, words);
    if words.starts_with("duplicate key") {
        problem.code = "field_duplicate".into();
    }
    problem
}

/// Refuses the text at a byte offset.
fn syntax_at(text: &str, at: usize, words: &str) -> Problem {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
    let line = before.matches('\n').count().saturating_add(1);
    let column = before
        .get(line_start..)
        .map_or(0, |start| start.chars().count())
        .saturating_add(1);
    bad_syntax(line, column, words)
}

/// `None` if lists and tables are nested too deep.
fn table_value(table: DeTable<'_>, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    let fields = table.into_iter();
    fields
        .map(|(name, value)| {
            Some((
                name.into_inner().into_owned(),
                json_value(value.into_inner(), depth)?,
            ))
        })
        .collect::<Option<_>>()
        .map(Value::Object)
}

fn json_value(value: DeValue<'_>, depth: usize) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Integer(number) => integer_value(&number),
        // JSON has no number for these, so they stay the text they are and are refused where a number is wanted.
        DeValue::Float(number) => (number.as_str().parse().ok())
            .and_then(Number::from_f64)
            .map_or_else(|| Value::String(number.to_string()), Value::Number),
        DeValue::Boolean(value) => Value::Bool(value),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Array(items) => {
            let depth = depth.checked_sub(1)?;
            let items = items.into_iter();
            Value::Array(
                items
                    .map(|item| json_value(item.into_inner(), depth))
                    .collect::<Option<_>>()?,
            )
        }
        DeValue::Table(table) => return table_value(table, depth),
    })
}

fn integer_value(number: &DeInteger<'_>) -> Value {
    i64::from_str_radix(number.as_str(), number.radix())
        .map_or_else(|_| Value::String(number.to_string()), Value::from)
}
