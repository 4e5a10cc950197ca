//! Cleaning: what a harness and its stage said, without secrets, before anything is made of it. What is judged ends up
//! in messages that are cut and put on one line, and a secret that is cut through is not found any more.

use serde_json::Value;

use super::super::evidence::Secrets;
use crate::harness::exit::How;
use crate::harness::judge::{Evidence, Said, TerminalRecord, json_block};
use crate::harness::result_file::FoundFile;

/// Takes the secrets out of the evidence of an invocation. A final message stays as it is, but for the report that may
/// end it: only its markers are read, and they have to be found where they stand.
pub(super) fn clean(evidence: &mut Evidence, secrets: &Secrets) {
    let cut = |text: &mut String| {
        let (clean, count) = secrets.redacted(text);
        if count > 0 {
            *text = clean;
        }
    };
    if let How::SpawnFailed { message, .. } = &mut evidence.exit.how {
        cut(message);
    }
    evidence.missing_artifacts.iter_mut().for_each(cut);
    evidence.denials.iter_mut().for_each(cut);
    for said in std::iter::once(&mut evidence.whole).chain(&mut evidence.before_signal) {
        clean_said(said, secrets);
    }
}

fn clean_said(said: &mut Said, secrets: &Secrets) {
    match &mut said.terminal {
        TerminalRecord::Failed(complaint) | TerminalRecord::Missing { stuck_on: Some(complaint) } => {
            complaint.message = secrets.redacted(&complaint.message).0;
        }
        TerminalRecord::NotExpected
        | TerminalRecord::Completed
        | TerminalRecord::Missing { stuck_on: None } => {}
    }
    if let FoundFile::Bytes(bytes) = &mut said.result_file
        && let Some(clean) = clean_json(bytes, secrets)
    {
        *bytes = clean;
    }
    if let Some(message) = &mut said.final_message
        && let Some(block) = json_block(message)
        && let Some(clean) = clean_json(block.as_bytes(), secrets)
    {
        *message = message.replace(block, &format!("{}\n", String::from_utf8_lossy(&clean)));
    }
}

/// The same JSON with every secret cut out of its texts, however they are escaped; `None` where there is none, or where
/// it is no JSON.
pub(super) fn clean_json(bytes: &[u8], secrets: &Secrets) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut value: Value = serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)).ok()?;
    let mut count = 0;
    walk(&mut value, secrets, &mut count);
    (count > 0).then(|| value.to_string().into_bytes())
}

fn walk(value: &mut Value, secrets: &Secrets, count: &mut usize) {
    match value {
        Value::String(text) => {
            let (clean, found) = secrets.redacted(text);
            *count += found;
            *text = clean;
        }
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, secrets, count)),
        Value::Object(entries) => {
            for (key, mut value) in std::mem::take(entries) {
                let (clean, found) = secrets.redacted(&key);
                *count += found;
                walk(&mut value, secrets, count);
                entries.insert(clean, value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
