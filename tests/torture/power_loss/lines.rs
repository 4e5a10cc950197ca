//! The lines of `strace -f -y -xx`, taken apart: who, which call, its arguments, what it gave.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

/// A call that was made and did not fail.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) thread: u32,
    pub(super) name: String,
    pub(super) arguments: Vec<String>,
    pub(super) gave: usize,
}

/// All calls of a recording that succeeded, in the order of their ends.
pub(super) fn calls(text: &str) -> Vec<Call> {
    let mut begun = BTreeMap::<u32, String>::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Ok(thread) = thread.parse() else { continue };
        let rest = rest.trim_start();
        if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, start.to_owned());
            continue;
        }
        let whole = match rest.strip_prefix("<... ") {
            Some(resumed) => {
                let (_, end) = resumed.split_once(" resumed>").expect("how a resumed call looks");
                let Some(start) = begun.remove(&thread) else { continue };
                format!("{start}{end}")
            }
            None => rest.to_owned(),
        };
        calls.extend(call(thread, &whole));
    }
    calls
}

fn call(thread: u32, line: &str) -> Option<Call> {
    let (name, rest) = line.split_once('(')?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return None;
    }
    let (arguments, after) = arguments(rest);
    let gave = after.trim_start().strip_prefix("= ")?;
    let digits = gave.find(|c: char| !c.is_ascii_digit()).unwrap_or(gave.len());
    // -1 and `?` are calls that did not happen.
    let gave = gave[..digits].parse().ok()?;
    Some(Call { thread, name: name.to_owned(), arguments, gave })
}

/// The arguments up to the closing parenthesis, and what follows it.
fn arguments(text: &str) -> (Vec<String>, &str) {
    let mut all = Vec::new();
    let mut one = String::new();
    let (mut depth, mut quoted, mut angle) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' if !angle => quoted = !quoted,
            _ if quoted => {}
            '<' => angle = true,
            '>' => angle = false,
            _ if angle => {}
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => {
                if !one.trim().is_empty() {
                    all.push(one.trim().to_owned());
                }
                return (all, &text[at + 1..]);
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                all.push(one.trim().to_owned());
                one.clear();
                continue;
            }
            _ => {}
        }
        one.push(c);
    }
    (all, "")
}

/// Bytes written as `\x41\x42`.
fn bytes(text: &str) -> Vec<u8> {
    text.split("\\x")
        .skip(1)
        .map(|hex| u8::from_str_radix(hex, 16).unwrap_or_else(|_| panic!("`{hex}` is not two hex digits")))
        .collect()
}

/// All strings of an argument, one after the other.
pub(super) fn strings(argument: &str) -> Vec<u8> {
    assert!(!argument.contains("\"..."), "the recording cut a string off");
    argument.split('"').skip(1).step_by(2).flat_map(bytes).collect()
}

/// A string argument as a path.
pub(super) fn path(argument: &str) -> PathBuf {
    PathBuf::from(OsString::from_vec(strings(argument)))
}

/// A descriptor and the path it stands for: `3<\x2f..>`.
pub(super) fn descriptor(argument: &str) -> (Option<u32>, PathBuf) {
    let (number, rest) = argument.split_once('<').unwrap_or((argument, ""));
    let name = rest.split('>').next().unwrap_or_default();
    (number.trim().parse().ok(), PathBuf::from(OsString::from_vec(bytes(name))))
}

#[test]
fn a_line_is_taken_apart() {
    let text = "12 openat(AT_FDCWD<\\x2f\\x61>, \"\\x62\\x2c\", O_RDWR|O_CREAT, 0666) = 3<\\x2f\\x61\\x2f\\x62>\n\
                13 fsync(4<\\x2f\\x63> <unfinished ...>\n\
                12 write(3<\\x2f>, \"\\x00\\x0a\", 2) = 2\n\
                13 <... fsync resumed>) = 0\n\
                12 unlink(\"\\x61\") = -1 ENOENT (No such file or directory)\n\
                12 +++ exited with 0 +++\n";
    let calls = calls(text);
    let names: Vec<(u32, &str, usize)> =
        calls.iter().map(|call| (call.thread, call.name.as_str(), call.gave)).collect();
    assert_eq!(names, [(12, "openat", 3), (12, "write", 2), (13, "fsync", 0)]);
    assert_eq!(descriptor(&calls[0].arguments[0]), (None, PathBuf::from("/a")));
    assert_eq!(path(&calls[0].arguments[1]), PathBuf::from("b,"));
    assert_eq!(strings(&calls[1].arguments[1]), [0, 10]);
    assert_eq!(descriptor(&calls[2].arguments[0]), (Some(4), PathBuf::from("/c")));
}
