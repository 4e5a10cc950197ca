//! The environment of a harness: an allow-list, what its configuration adds, and what the stage needs to know.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::harness::adapter::Call;

/// The mark: every process of a stage carries the stage's nonce in this variable.
pub const MARK: &str = "MILLRACE_INVOCATION";

/// Variables that every harness gets when the runtime has them; a `*` at the end stands for anything. What holds
/// secrets or points git elsewhere is not among them: a runner's configuration passes what it needs by name.
pub const ALLOWED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TERM",
    "TMPDIR",
    "XDG_*",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "NVM_DIR",
    "JAVA_HOME",
    "GOPATH",
    "LD_LIBRARY_PATH",
];

/// The complete environment of one invocation: of `parent` what [`ALLOWED`] or `pass` names, then `set`, then the
/// stage's own `MILLRACE_*` variables, which nothing overrides. Values that are not UTF-8 are left out.
#[must_use]
pub fn environment(
    parent: impl IntoIterator<Item = (OsString, OsString)>,
    pass: &[&str],
    set: &BTreeMap<String, String>,
    call: &Call,
) -> BTreeMap<String, String> {
    let mut environment = inherited(parent, pass, set);
    environment.extend(call.variables());
    environment
}

/// The same without a stage: what a harness gets of `parent`, and what is set for it.
#[must_use]
pub fn inherited(
    parent: impl IntoIterator<Item = (OsString, OsString)>,
    pass: &[&str],
    set: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut environment: BTreeMap<String, String> = parent
        .into_iter()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| ALLOWED.iter().chain(pass).any(|pattern| names(pattern, name)))
        .filter(|(name, _)| !name.starts_with("MILLRACE_"))
        .collect();
    environment.extend(
        set.iter()
            .filter(|(name, _)| !name.starts_with("MILLRACE_"))
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    environment
}

fn names(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}
