//! The outer form of a document: YAML between two `---` lines, then a free Markdown body.
//!
//! Nothing here changes a byte: callers keep the document as it came.

use super::document::DocumentError;
use crate::domain::limits::MAX_DOCUMENT_BYTES;

/// Bytes of the front matter alone. Long prose belongs into the body, which costs nothing to read.
pub const MAX_FRONT_MATTER_BYTES: usize = 64 * 1024;

/// A document, taken apart but not yet understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrontMatter<'a> {
    /// The YAML between the fences, line ends as they came.
    pub yaml: &'a str,
    /// The line of the document, from 1, that the first line of `yaml` is.
    pub first_line: usize,
    /// Everything after the closing fence.
    pub body: &'a str,
}

/// The text of a document of at most `limit` bytes. A UTF-8 byte order mark is skipped, CRLF is fine; other encodings
/// and NUL bytes are refused. `file` is what messages call it.
pub(super) fn text<'a>(bytes: &'a [u8], file: &str, limit: usize) -> Result<&'a str, DocumentError> {
    let refuse = |line, problem, expected: &str| refusal(file, line, problem, expected.to_owned());
    if bytes.len() > limit {
        return Err(refuse(
            1,
            format!("the document has {} bytes", bytes.len()),
            &format!("at most {limit}; put long material into a file of the repository"),
        ));
    }
    let line_of = |offset: usize| bytes[..offset].split(|byte| *byte == b'\n').count();
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(refuse(1, "the document is UTF-16".to_owned(), "UTF-8"));
    }
    if let Some(offset) = bytes.iter().position(|&byte| byte == 0) {
        return Err(refuse(line_of(offset), "a NUL byte".to_owned(), "UTF-8 text"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        refuse(line_of(error.valid_up_to()), format!("the byte 0x{byte:02X} is not UTF-8"), "UTF-8 text")
    })?;
    Ok(text.strip_prefix('\u{FEFF}').unwrap_or(text))
}

fn refusal(file: &str, line: usize, problem: String, expected: String) -> DocumentError {
    DocumentError { file: file.to_owned(), line, field: None, problem, expected }
}

/// Takes a document apart, whose text is at most [`MAX_DOCUMENT_BYTES`]. `file` is what messages call it.
pub fn split<'a>(bytes: &'a [u8], file: &str) -> Result<FrontMatter<'a>, DocumentError> {
    let text = text(bytes, file, MAX_DOCUMENT_BYTES)?;
    let refuse = |line, problem, expected| refusal(file, line, problem, expected);

    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    if !is_fence(first) {
        return Err(refuse(
            1,
            no_fence(text),
            "a first line `---`, then YAML, then another `---`".to_owned(),
        ));
    }
    let mut end = 0;
    for line in rest.split_inclusive('\n') {
        if is_fence(line.strip_suffix('\n').unwrap_or(line)) {
            if end > MAX_FRONT_MATTER_BYTES {
                return Err(refuse(
                    1,
                    format!("the front matter has {end} bytes"),
                    format!("at most {MAX_FRONT_MATTER_BYTES}; put prose below the second `---`"),
                ));
            }
            return Ok(FrontMatter { yaml: &rest[..end], first_line: 2, body: &rest[end + line.len()..] });
        }
        end += line.len();
    }
    Err(refuse(1, "the front matter is never closed".to_owned(), "a second line `---` below it".to_owned()))
}

fn is_fence(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.chars().all(|c| matches!(c, ' ' | '\t' | '\r')))
}

/// Says what stands where the front matter should be.
fn no_fence(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let Some(first) = lines.next() else { return "the document is empty".to_owned() };
    let label =
        |line: &str| ["Task-ID:", "Spec-ID:", "Incident-ID:"].iter().any(|label| line.starts_with(label));
    if first.starts_with("# ") && lines.any(label) {
        return "the form with a `# title` and `Task-ID:` labels is not read (the keys are the same, in lower case \
                with `_`: `task_id`, `title`, `target_paths`)"
            .to_owned();
    }
    if is_fence(first) || first == "\u{FEFF}---" {
        return "something stands before the front matter".to_owned();
    }
    "the document has no front matter".to_owned()
}
