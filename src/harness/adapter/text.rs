//! Harnesses whose output is text for people: the final message is the end of stdout.

use std::io::{self, Read, Seek, SeekFrom};

/// Bytes at the end of stdout that are taken for the final message.
pub(super) const MAX_FINAL_TEXT: u64 = 256 * 1024;

/// The last 256 KiB of the first `length` bytes of a stream, as text; `None` where there are none.
/// Bytes that are not UTF-8 are replaced. A line that the bound cuts at its start is dropped.
pub fn final_text(mut stream: impl Read + Seek, length: u64) -> io::Result<Option<String>> {
    let start = length.saturating_sub(MAX_FINAL_TEXT);
    stream.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    stream.take(length - start).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let text = if start > 0 { text.split_once('\n').map_or("", |(_, rest)| rest) } else { &text };
    Ok((!text.trim().is_empty()).then(|| text.to_owned()))
}
