//! A look at YAML text before the parser gets it: depth, anchors, aliases, tags, several documents.
//!
//! It walks the text as the parser's own scanner does (indentation, flow brackets, quotes, block texts, plain texts
//! over several lines), but keeps nothing except a short stack, so that hostile input costs one pass. Where the text
//! is not YAML at all it does not complain: the parser will.

use super::{YamlError, at};

/// Refuses what is not read here, at the first place where it occurs. `max_depth` counts lists and mappings.
pub(super) fn refuse_unread(text: &str, max_depth: usize) -> Result<(), YamlError> {
    let mut scan = Scan {
        chars: text.chars().collect(),
        at: 0,
        line: 1,
        column: 0,
        indents: Vec::new(),
        flow: 0,
        key_allowed: true,
        key: None,
        content: false,
        max_depth,
    };
    while scan.next_token()? {}
    Ok(())
}

struct Scan {
    chars: Vec<char>,
    at: usize,
    line: usize,
    /// From 0, as indentation is counted.
    column: usize,
    /// The columns of the open block collections, outermost first.
    indents: Vec<usize>,
    /// Open flow brackets.
    flow: usize,
    /// Whether a key may begin at the next token.
    key_allowed: bool,
    /// Where the token began that a `:` would make a key (block context): line, column, place.
    key: Option<(usize, usize, usize)>,
    /// Whether anything but comments was seen.
    content: bool,
    max_depth: usize,
}

/// How far behind its `:` a key may begin; the parser's own limit.
const KEY_REACH: usize = 1024;

impl Scan {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn blank_or_end(&self, ahead: usize) -> bool {
        self.peek(ahead).is_none_or(|c| matches!(c, ' ' | '\t' | '\n' | '\r'))
    }

    fn step(&mut self) {
        if let Some(c) = self.peek(0) {
            self.at += 1;
            if c == '\n' {
                self.line += 1;
                self.column = 0;
            } else {
                self.column += 1;
            }
        }
    }

    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            self.step();
        }
    }

    fn at_line_end(&self) -> bool {
        self.peek(0).is_none_or(|c| matches!(c, '\n' | '\r'))
    }

    fn skip_to_line_end(&mut self) {
        while !self.at_line_end() {
            self.step();
        }
    }

    fn refuse(&self, problem: &str, expected: &str) -> YamlError {
        at(self.line, self.column + 1, problem, expected)
    }

    fn check_depth(&self) -> Result<(), YamlError> {
        if self.indents.len() + self.flow > self.max_depth {
            return Err(self.refuse(
                &format!("lists and mappings are nested more than {} deep", self.max_depth),
                "a flatter structure",
            ));
        }
        Ok(())
    }

    fn open_block(&mut self, column: usize) -> Result<(), YamlError> {
        if self.flow == 0 && self.indents.last().is_none_or(|&open| open < column) {
            self.indents.push(column);
            self.check_depth()?;
        }
        Ok(())
    }

    fn close_blocks(&mut self) {
        if self.flow == 0 {
            while self.indents.last().is_some_and(|&open| open > self.column) {
                self.indents.pop();
            }
        }
    }

    fn save_key(&mut self) {
        if self.flow == 0 && self.key_allowed {
            self.key = Some((self.line, self.column, self.at));
        }
    }

    fn forget_key(&mut self) {
        if self.flow == 0 {
            self.key = None;
        }
    }

    /// The column at which indented text must begin to continue what is open.
    fn inner_indent(&self) -> usize {
        self.indents.last().map_or(0, |open| open + 1)
    }

    fn skip_to_token(&mut self) {
        loop {
            while self.peek(0) == Some(' ')
                || ((self.flow > 0 || !self.key_allowed) && self.peek(0) == Some('\t'))
            {
                self.step();
            }
            if self.peek(0) == Some('#') {
                self.skip_to_line_end();
            }
            match self.peek(0) {
                Some('\n' | '\r') => self.step(),
                _ => return,
            }
            if self.flow == 0 {
                self.key_allowed = true;
            }
        }
    }

    fn is_marker(&self, sign: char) -> bool {
        self.column == 0 && (0..3).all(|n| self.peek(n) == Some(sign)) && self.blank_or_end(3)
    }

    fn next_token(&mut self) -> Result<bool, YamlError> {
        self.skip_to_token();
        if self.key.is_some_and(|(line, _, place)| line < self.line || place + KEY_REACH < self.at) {
            self.key = None;
        }
        self.close_blocks();
        let Some(c) = self.peek(0) else { return Ok(false) };
        if self.column == 0 && c == '%' {
            return Err(self.refuse("a `%` directive", "plain YAML without directives"));
        }
        if self.is_marker('-') || self.is_marker('.') {
            if c == '-' && !self.content {
                self.content = true;
                self.key_allowed = false;
                self.skip(3);
                return Ok(true);
            }
            return Err(self.refuse("a second YAML document begins", "one document"));
        }
        self.content = true;
        match c {
            '[' | '{' => {
                self.save_key();
                self.flow += 1;
                self.check_depth()?;
                self.key_allowed = true;
                self.step();
            }
            ']' | '}' => {
                // Inside a flow collection the key kept is the one that the whole collection may be.
                self.forget_key();
                self.flow = self.flow.saturating_sub(1);
                self.key_allowed = false;
                self.step();
            }
            ',' => {
                self.forget_key();
                self.key_allowed = true;
                self.step();
            }
            '-' if self.blank_or_end(1) => {
                self.open_block(self.column)?;
                self.forget_key();
                self.key_allowed = true;
                self.step();
            }
            '?' if self.flow > 0 || self.blank_or_end(1) => {
                return Err(self.refuse("a `?` key", "keys written as `key: value`"));
            }
            ':' if self.flow > 0 || self.blank_or_end(1) => {
                if self.flow == 0 {
                    let column = self.key.map_or(self.column, |(_, column, _)| column);
                    self.open_block(column)?;
                    self.key_allowed = self.key.is_none();
                    self.key = None;
                } else {
                    self.key_allowed = false;
                }
                self.step();
            }
            '*' => {
                return Err(self.refuse(
                    "a value begins with `*`, which is an alias in YAML",
                    "quotes around it (aliases are not read)",
                ));
            }
            '&' => {
                return Err(self.refuse(
                    "a value begins with `&`, which is an anchor in YAML",
                    "quotes around it (anchors are not read)",
                ));
            }
            '!' => {
                return Err(self.refuse(
                    "a value begins with `!`, which is a tag in YAML",
                    "quotes around it (tags are not read)",
                ));
            }
            '|' | '>' if self.flow == 0 => {
                self.forget_key();
                self.key_allowed = true;
                self.block_text();
            }
            '\'' | '"' => {
                self.save_key();
                self.key_allowed = false;
                self.quoted_text(c);
            }
            _ => {
                self.save_key();
                self.key_allowed = false;
                self.plain_text();
            }
        }
        Ok(true)
    }

    fn quoted_text(&mut self, quote: char) {
        self.step();
        while let Some(c) = self.peek(0) {
            if quote == '"' && c == '\\' {
                self.skip(2);
            } else if c == quote {
                if quote == '\'' && self.peek(1) == Some('\'') {
                    self.skip(2);
                } else {
                    self.step();
                    return;
                }
            } else {
                self.step();
            }
        }
    }

    fn plain_text(&mut self) {
        let indent = self.inner_indent();
        // The first character is part of the text, whatever it is: where it cannot be, the parser refuses.
        let mut first = true;
        loop {
            if !first && (self.is_marker('-') || self.is_marker('.') || self.peek(0) == Some('#')) {
                return;
            }
            while !self.blank_or_end(0) {
                let ends = match self.peek(0) {
                    Some(':') => self.blank_or_end(1),
                    Some(',' | '[' | ']' | '{' | '}') => self.flow > 0,
                    _ => false,
                };
                if ends && !first {
                    return;
                }
                first = false;
                self.key_allowed = false;
                self.step();
            }
            if self.peek(0).is_none() {
                return;
            }
            while self.peek(0).is_some() && self.blank_or_end(0) {
                if matches!(self.peek(0), Some('\n' | '\r')) {
                    self.key_allowed = true;
                }
                self.step();
            }
            if self.flow == 0 && self.column < indent {
                return;
            }
        }
    }

    fn block_text(&mut self) {
        self.step();
        let mut increment = 0;
        for _ in 0..2 {
            match self.peek(0) {
                Some('+' | '-') => self.step(),
                Some(digit @ '1'..='9') => {
                    increment = digit.to_digit(10).map_or(0, |digit| digit as usize);
                    self.step();
                }
                _ => {}
            }
        }
        self.skip_to_line_end();
        self.skip_line_break();
        let mut indent = match (increment, self.indents.last()) {
            (0, _) => 0,
            (more, open) => open.map_or(more, |open| open + more),
        };
        self.block_breaks(&mut indent);
        while self.column == indent && self.peek(0).is_some() {
            self.skip_to_line_end();
            self.skip_line_break();
            self.block_breaks(&mut indent);
        }
    }

    fn skip_line_break(&mut self) {
        if self.peek(0) == Some('\r') {
            self.step();
        }
        if self.peek(0) == Some('\n') {
            self.step();
        }
    }

    /// Skips indentation and empty lines; where the indentation is still open (0), the deepest line seen sets it.
    fn block_breaks(&mut self, indent: &mut usize) {
        let mut deepest = 0;
        loop {
            while (*indent == 0 || self.column < *indent) && self.peek(0) == Some(' ') {
                self.step();
            }
            deepest = deepest.max(self.column);
            if !matches!(self.peek(0), Some('\n' | '\r')) {
                break;
            }
            self.skip_line_break();
        }
        if *indent == 0 {
            *indent = deepest.max(self.inner_indent()).max(1);
        }
    }
}
