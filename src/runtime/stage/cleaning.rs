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
        *message = message.replace(block, &String::from_utf8_lossy(&clean));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::usage::Usage;
    use crate::harness::exit::{EndedBy, Exit, SpawnFailure, StreamRecord};

    const TOKEN: &str = "correct-horse-99";
    const CLEAN: &str = "[redacted: the value of API_TOKEN]";

    fn secrets() -> Secrets {
        Secrets::of([("API_TOKEN".to_owned(), TOKEN.to_owned())])
    }

    fn said(message: &str) -> Said {
        Said {
            terminal: TerminalRecord::NotExpected,
            final_message: Some(message.to_owned()),
            result_file: FoundFile::Absent,
        }
    }

    /// All of it is cut to a line of some length later, where half a secret is none that anybody finds.
    #[test]
    fn what_becomes_part_of_a_message_is_cleaned_before_it_is_cut() {
        let stream =
            StreamRecord { total: 0, kept: 0, head: 0, cut: false, sha256: String::new(), error: None };
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        let message = format!("cannot start /opt/{TOKEN}/agent");
        let mut evidence = Evidence {
            nonce: "00000000000000000000000000000000".parse().unwrap(),
            exit: Exit {
                how: How::SpawnFailed { reason: SpawnFailure::Other, message },
                first_signal: None,
                ended_by: EndedBy::Itself,
                started_at: at,
                ended_at: at,
                duration_ms: 0,
                leftovers: 0,
                proof: None,
                stdout: stream.clone(),
                stderr: stream,
                survivors: Vec::new(),
            },
            whole: said("fine"),
            before_signal: Some(said(&format!("```json\n{{\"summary\": \"{TOKEN}\"}}\n```"))),
            missing_artifacts: vec![format!("{TOKEN}.md")],
            denials: vec![format!("Bash: echo {TOKEN}")],
            usage: Usage::default(),
            session: None,
            ok_exits: vec![0],
            retry_at: None,
            can_write: false,
        };
        clean(&mut evidence, &secrets());
        let How::SpawnFailed { message, .. } = &evidence.exit.how else { panic!("{evidence:?}") };
        assert_eq!(*message, format!("cannot start /opt/{CLEAN}/agent"));
        assert_eq!(evidence.denials, [format!("Bash: echo {CLEAN}")]);
        assert_eq!(evidence.missing_artifacts, [format!("{CLEAN}.md")]);
        let report = evidence.before_signal.unwrap().final_message.unwrap();
        assert_eq!(report, format!("```json\n{{\"summary\":\"{CLEAN}\"}}\n```"));
    }

    #[test]
    fn json_is_cleaned_in_keys_and_values_with_a_mark_before_it_or_without() {
        let clean =
            |text: &str| clean_json(text.as_bytes(), &secrets()).map(|it| String::from_utf8(it).unwrap());
        let (dirty, cleaned) =
            (format!(r#"{{"{TOKEN}":["{TOKEN}",1]}}"#), format!(r#"{{"{CLEAN}":["{CLEAN}",1]}}"#));
        assert_eq!(clean(&dirty).as_deref(), Some(&*cleaned));
        assert_eq!(clean(&format!("\u{feff}{dirty}")).as_deref(), Some(&*cleaned));
        assert_eq!(clean(r#"{"a":1}"#), None, "it stays as it was written");
        assert_eq!(clean(TOKEN), None, "it is no JSON");
    }
}
