//! What a running stage has used so far: its limits, its clock, and what its harness tells in its output.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Instant;

use super::super::source;
use super::context::{Stage, StageError};
use crate::domain::budget::{Holding, Reached};
use crate::domain::ids::SessionId;
use crate::domain::price::Price;
use crate::domain::run::Run;
use crate::domain::usage::{CostSource, Usage};
use crate::domain::view::View;
use crate::harness::invocation::STDOUT_FILE;
use crate::harness::parser::Listener;

/// Bytes that one look reads at most, so that a look stays short beside a harness that writes without end; the next
/// one goes on from there.
const LOOK_BYTES: u64 = 8 * 1024 * 1024;

/// What was seen of a stage while it ran.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Somebody wanted it to end.
    pub asked: bool,
    /// The limit that it exceeded, where that is why the runtime ended it.
    pub exceeded: Option<Reached>,
    /// What it had used by then at least, as far as it told.
    pub usage: Usage,
    /// Milliseconds that it had run by then.
    pub elapsed_ms: u64,
}

/// The meter of one launch.
pub struct Meter {
    holding: Holding,
    begin: Instant,
    output: Output,
    price: Option<Price>,
}

impl Meter {
    /// A meter for a launch that has just begun, with what its limits leave it.
    pub fn of(view: &dyn View, stage: &Stage, run: &Run, session: &SessionId) -> Result<Self, StageError> {
        Ok(Self {
            holding: holding(view, stage, run, session)?,
            begin: Instant::now(),
            output: Output::new(stage),
            price: stage.price,
        })
    }

    /// Holds the launch to the limits as they are now: one of the day or of the daemon may have been raised.
    pub fn hold_anew(
        &mut self,
        view: &dyn View,
        stage: &Stage,
        run: &Run,
        session: &SessionId,
    ) -> Result<(), StageError> {
        self.holding = holding(view, stage, run, session)?;
        Ok(())
    }

    /// Looks, and tells what was seen if a limit is exceeded by now. What cannot be read now is read at the next look.
    pub fn look(&mut self) -> Option<Seen> {
        if self.holding.is_none() {
            return None;
        }
        if !self.holding.is_time_only()
            && let Err(error) = self.output.listen()
        {
            tracing::debug!(%error, "the output of the running stage cannot be read");
        }
        let mut usage = self.output.listener.usage_so_far();
        if let (None, Some(cost)) = (usage.cost, self.price.and_then(|price| price.at_least(&usage))) {
            usage.cost = Some(cost);
            usage.cost_source = Some(CostSource::Priced);
        }
        let elapsed_ms = u64::try_from(self.begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        let exceeded = self.holding.exceeded(&usage, elapsed_ms)?;
        Some(Seen { asked: false, exceeded: Some(exceeded), usage, elapsed_ms })
    }
}

/// What the limits leave a launch, by what was spent before it.
fn holding(view: &dyn View, stage: &Stage, run: &Run, session: &SessionId) -> Result<Holding, StageError> {
    Ok(Holding::of_launch(view, &view.control()?, &stage.plan, run, session, source::now())?)
}

/// The output of a running harness, as its supervisor keeps it.
struct Output {
    path: PathBuf,
    file: Option<File>,
    /// Bytes that were read.
    at: u64,
    /// Bytes that the file holds at most. When it is full its second half is written over, and nobody can tell any more
    /// what is new: from then on it is not followed.
    bound: u64,
    listener: Listener,
}

impl Output {
    fn new(stage: &Stage) -> Self {
        Self {
            path: stage.call.inv_dir.join(STDOUT_FILE),
            file: None,
            at: 0,
            bound: stage.spec.contract().output_bytes,
            listener: Listener::new(stage.spec.parser()),
        }
    }

    fn listen(&mut self) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            // It comes with the harness.
            None => match File::open(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                opened => opened?,
            },
        };
        if file.metadata()?.len() < self.bound {
            file.seek(SeekFrom::Start(self.at))?;
            let mut piece = Vec::new();
            self.at += (&mut file).take(LOOK_BYTES).read_to_end(&mut piece)? as u64;
            self.listener.take(&piece);
        }
        self.file = Some(file);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::budget::{Budget, Caps, Spending};
    use crate::domain::control::Control;
    use crate::domain::usage::Usd;
    use crate::harness::parser::Parser;

    fn output(path: PathBuf, bound: u64, parser: &Parser) -> Output {
        Output { path, file: None, at: 0, bound, listener: Listener::new(parser) }
    }

    fn message(id: &str, tokens: u64) -> String {
        format!(
            "{{\"type\":\"assistant\",\"message\":{{\"id\":\"{id}\",\"usage\":{{\"input_tokens\":{tokens}}}}}}}\n"
        )
    }

    /// Its second half is written over from then on: what stands where it was not read yet may be older or newer.
    #[test]
    fn output_that_has_filled_its_file_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stdout");
        let (first, second) = (message("a", 5), message("b", 7));
        let mut output = output(path.clone(), (first.len() + second.len()) as u64, &Parser::ClaudeStream);
        output.listen().unwrap();
        std::fs::write(&path, &first).unwrap();
        output.listen().unwrap();
        assert_eq!(output.listener.usage_so_far().input_uncached, Some(5));
        std::fs::write(&path, format!("{first}{second}")).unwrap();
        output.listen().unwrap();
        assert_eq!(output.listener.usage_so_far().input_uncached, Some(5));
    }

    /// A price of the configuration stands in for a harness's word, and never against it.
    #[test]
    fn what_a_harness_says_of_its_cost_wins_over_the_price() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stdout");
        let mapping = "rules = [{ take = { input = \"n\", cost = \"c\" } }]";
        let parser = Parser::Jsonl(toml::from_str(mapping).unwrap());
        let item = Budget {
            per_item: Caps { cost: Some("3".parse().unwrap()), ..Caps::default() },
            ..Budget::default()
        };
        let session: SessionId = "00000000000000000000000000000001".parse().unwrap();
        let price = Price { input: Usd(5_000_000), cache_read: Usd(0), cache_write: Usd(0), output: Usd(0) };
        for (line, exceeds) in
            [("{\"n\":1000000,\"c\":1}\n", false), ("{\"n\":1000000}\n", true), ("{\"n\":1,\"c\":4}\n", true)]
        {
            std::fs::write(&path, line).unwrap();
            let mut meter = Meter {
                holding: Holding::of(
                    &item,
                    &Spending::default(),
                    &Budget::default(),
                    &Control::default(),
                    &session,
                    source::now(),
                ),
                begin: Instant::now(),
                output: output(path.clone(), 1000, &parser),
                price: Some(price),
            };
            assert_eq!(meter.look().is_some(), exceeds, "{line}");
        }
    }
}
