//! (stand-in)
#![allow(missing_docs, clippy::all, clippy::pedantic)]
use crate::domain::ids::*;
use crate::domain::plan::*;
use crate::format::config::*;
use std::collections::BTreeMap;
pub const CONFIG_FILE: &str = "config.toml";
pub struct Assets;
impl Assets {
    pub fn with_overrides(_: BTreeMap<String, Vec<u8>>) -> Self {
        Assets
    }
}
pub struct Request<'a> {
    pub mode: Option<ModeId>,
    pub config: &'a Config,
    pub assets: &'a Assets,
}
pub struct Compiled {
    pub id: PlanId,
    pub plan: Plan,
    pub record: Vec<u8>,
    pub files: Vec<(String, Vec<u8>)>,
    pub warnings: Vec<String>,
    pub diagnostics: Vec<u8>,
}
pub struct Diagnostics {
    pub errors: Vec<String>,
}
impl Diagnostics {
    pub fn record(&self) -> Vec<u8> {
        vec![]
    }
}
pub fn compile(_: &Request<'_>) -> Result<Compiled, Diagnostics> {
    Err(Diagnostics { errors: vec![] })
}
pub fn frozen_config(_: &[u8]) -> Result<Config, ConfigError> {
    unreachable!()
}
