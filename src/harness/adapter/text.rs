//! Harnesses whose output is text for people: the final message is the end of stdout.

use std::io::{self, Read, Seek, SeekFrom};

use crate::domain::limits::MAX_EVIDENCE_BYTES;

/// The end of bytes `[from, to)` of a stream as text, as much as the ledger keeps of a piece of evidence; `None`
/// where nothing is there. Bytes that are not UTF-8 are replaced. A line whose start is not known is dropped.
pub fn final_text(mut stream: impl Read + Seek, from: u64, to: u64) -> io::Result<Option<String>> {
    let start = from.max(to.saturating_sub(MAX_EVIDENCE_BYTES as u64));
    stream.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    stream.take(to.saturating_sub(start)).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let text = if start > 0 { text.split_once('\n').map_or("", |(_, rest)| rest) } else { &text };
    Ok((!text.trim().is_empty()).then(|| text.to_owned()))
}
