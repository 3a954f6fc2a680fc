//! Rust source files as tokens, for tests about the code itself.
//!
//! Tokens rather than lines, so that comments, strings and formatting cannot deceive a check, and tokens
//! rather than a syntax tree, so that the inside of a macro call is seen as well.

use std::fs;
use std::io;
use std::iter::Peekable;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// Why the source could not be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// A file or folder could not be read.
    #[error("cannot read `{path}`: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file is no Rust source.
    #[error("cannot read `{path}` as Rust: {reason}")]
    Lex {
        /// The file.
        path: PathBuf,
        /// What the lexer says.
        reason: String,
    },
}

/// One `.rs` file.
#[derive(Debug)]
pub struct Source {
    /// Its path below the folder that was searched.
    pub path: PathBuf,
    /// Its whole text.
    pub text: String,
    /// Its tokens; doc comments are `#[doc = "…"]`, other comments are gone.
    pub tokens: TokenStream,
}

impl Source {
    /// Whether the whole file is test code: `tests.rs`, or below a folder `tests`.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.path.file_name().is_some_and(|name| name == "tests.rs")
            || self.path.iter().any(|part| part == "tests")
    }
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line of its `fn`, from 1.
    pub line: usize,
    /// Lines from `fn` to the closing brace, both counted.
    pub lines: usize,
}

/// The root folder of the workspace.
#[must_use]
pub fn workspace_root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// Every `.rs` file below a folder, sorted by path. Hidden folders and `target` are left out.
///
/// # Errors
/// `Read` if the folder or anything in it cannot be read, `Lex` if a file is not Rust.
pub fn rust_sources(folder: &Path) -> Result<Vec<Source>, SourceError> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    files.into_iter().map(|file| read(folder, &file)).collect()
}

/// The tokens without items marked `#[cfg(test)]`.
#[must_use]
pub fn without_tests(stream: TokenStream) -> TokenStream {
    let mut kept = Vec::new();
    let mut tokens = stream.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if is_punct(&token, '#') && tokens.peek().is_some_and(is_cfg_test) {
            skip_item(&mut tokens);
            continue;
        }
        kept.push(match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_tests(group.stream()));
                inner.set_span(group.span());
                TokenTree::Group(inner)
            }
            other => other,
        });
    }
    kept.into_iter().collect()
}

/// Every function with a body, methods and nested ones included.
#[must_use]
pub fn functions(stream: &TokenStream) -> Vec<Function> {
    let tokens: Vec<TokenTree> = stream.clone().into_iter().collect();
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if let TokenTree::Group(group) = token {
            found.extend(functions(&group.stream()));
        }
        if is_ident(token, "fn") {
            found.extend(function(
                token,
                tokens.get(at.saturating_add(1)..).unwrap_or_default(),
            ));
        }
    }
    found
}

/// Every token in reading order, groups opened: each group comes before what is in it.
#[must_use]
pub fn flat(stream: &TokenStream) -> Vec<TokenTree> {
    let mut tokens = Vec::new();
    for token in stream.clone() {
        let inner = match &token {
            TokenTree::Group(group) => flat(&group.stream()),
            _ => Vec::new(),
        };
        tokens.push(token);
        tokens.extend(inner);
    }
    tokens
}

/// Whether the token is this identifier or keyword.
#[must_use]
pub fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == name)
}

/// Whether the token is this punctuation character.
#[must_use]
pub fn is_punct(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

/// The line a token starts on, from 1.
#[must_use]
pub fn line(token: &TokenTree) -> usize {
    token.span().start().line
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), SourceError> {
    let failed = |source| SourceError::Read {
        path: folder.to_owned(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if entry.file_type().map_err(failed)?.is_dir() {
            if !name.starts_with('.') && name != "target" {
                collect(&path, files)?;
            }
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn read(folder: &Path, file: &Path) -> Result<Source, SourceError> {
    let text = fs::read_to_string(file).map_err(|source| SourceError::Read {
        path: file.to_owned(),
        source,
    })?;
    let tokens = text
        .parse()
        .map_err(|reason: proc_macro2::LexError| SourceError::Lex {
            path: file.to_owned(),
            reason: reason.to_string(),
        })?;
    let path = file.strip_prefix(folder).unwrap_or(file).to_owned();
    Ok(Source { path, text, tokens })
}

fn is_cfg_test(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else {
        return false;
    };
    let text = group.to_string().replace(char::is_whitespace, "");
    text == "[cfg(test)]"
}

/// An item ends with its block or its semicolon.
fn skip_item(tokens: &mut Peekable<impl Iterator<Item = TokenTree>>) {
    for token in tokens {
        if is_punct(&token, ';') || is_block(&token) {
            return;
        }
    }
}

fn is_block(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

/// A function from the tokens after its `fn`; `None` for a pointer type or a declaration.
fn function(keyword: &TokenTree, rest: &[TokenTree]) -> Option<Function> {
    let Some(TokenTree::Ident(name)) = rest.first() else {
        return None;
    };
    let end = rest
        .iter()
        .find(|token| is_punct(token, ';') || is_block(token))?;
    let TokenTree::Group(body) = end else {
        return None;
    };
    let first = line(keyword);
    let last = body.span_close().end().line;
    let lines = last.saturating_sub(first).saturating_add(1);
    Some(Function {
        name: name.to_string(),
        line: first,
        lines,
    })
}
