//! Compiling with a few files changed.

use std::collections::BTreeMap;

use millrace::compile::{Assets, Compiled, Diagnostics, Request, SHIPPED, compile};
use millrace::domain::ids::ModeId;
use millrace::format::config::{Loaded, parse};

/// The configuration file of these tests.
pub(crate) const CONFIG: &str = "millrace-agents/millrace.toml";

/// A configuration from its text.
#[track_caller]
pub(crate) fn config(text: &str) -> Loaded {
    parse(text, CONFIG).unwrap_or_else(|error| panic!("{error}"))
}

/// A shipped text.
#[track_caller]
pub(crate) fn shipped(path: &str) -> &'static str {
    SHIPPED.iter().find(|(known, _)| *known == path).unwrap_or_else(|| panic!("no {path}")).1
}

/// A shipped text with one passage changed.
#[track_caller]
pub(crate) fn changed(path: &str, from: &str, to: &str) -> String {
    let text = shipped(path);
    assert_eq!(text.matches(from).count(), 1, "`{from}` once in {path}");
    text.replacen(from, to, 1)
}

/// Overrides from texts.
pub(crate) fn overrides<T: AsRef<[u8]>>(files: impl IntoIterator<Item = (&'static str, T)>) -> Assets {
    let files = files.into_iter().map(|(path, text)| (path.to_owned(), text.as_ref().to_vec()));
    Assets::with_overrides(files.collect::<BTreeMap<_, _>>())
}

/// Compiles the default mode.
pub(crate) fn compiled(config: &Loaded, assets: &Assets) -> Result<Compiled, Diagnostics> {
    compile(&Request { mode: None, config, assets })
}

/// Compiles what must compile.
#[track_caller]
pub(crate) fn good(config: &Loaded, assets: &Assets) -> Compiled {
    compiled(config, assets).unwrap_or_else(|error| panic!("{error}"))
}

/// Compiles what ships, with no configuration.
#[track_caller]
pub(crate) fn standard() -> Compiled {
    good(&config(""), &Assets::shipped())
}

/// What stands against a plan that must not compile.
#[track_caller]
pub(crate) fn refused(outcome: Result<Compiled, Diagnostics>) -> Diagnostics {
    match outcome {
        Ok(compiled) => panic!("{} compiles", compiled.id),
        Err(diagnostics) => diagnostics,
    }
}

/// What stands against a plan, one line each.
#[track_caller]
pub(crate) fn errors(config: &Loaded, assets: &Assets) -> String {
    refused(compiled(config, assets)).to_string()
}

/// What stands against a plan when one shipped file is changed.
#[track_caller]
pub(crate) fn errors_of_change(path: &'static str, from: &str, to: &str) -> String {
    errors(&config(""), &overrides([(path, changed(path, from, to))]))
}

/// What stands against a plan compiled for a mode that was asked for.
#[track_caller]
pub(crate) fn errors_of_mode(mode: &str, assets: &Assets) -> String {
    let mode: ModeId = mode.parse().expect("a mode id");
    refused(compile(&Request { mode: Some(&mode), config: &config(""), assets })).to_string()
}
