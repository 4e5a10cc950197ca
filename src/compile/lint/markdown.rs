//! A text taken apart as far as the rules need it: lines with their numbers, sections, entries of lists, passages.

/// A text.
pub(super) struct Markdown<'a> {
    pub(super) text: &'a str,
    /// Every line with its number, from 1, and whether it lies in a fenced block (its fences do).
    lines: Vec<(usize, &'a str, bool)>,
}

/// What stands below a heading of level two.
pub(super) struct Section<'m, 'a> {
    pub(super) name: &'a str,
    /// The heading's line.
    pub(super) line: usize,
    lines: &'m [(usize, &'a str, bool)],
}

/// An entry of a list that begins with a name in backticks.
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) line: usize,
    /// All of it, its further lines included.
    pub(super) text: String,
}

/// A paragraph, an entry of a list, a heading or a line of a block: words that belong together, in lower case and with
/// one blank between them, so that a line break hides nothing.
pub(super) struct Passage {
    pub(super) text: String,
    /// Where in `text` each line of the file begins.
    starts: Vec<(usize, usize)>,
    /// What introduces the list that this is an entry of: the paragraph before it, where that ends with `:`.
    pub(super) lead: Option<String>,
}

impl<'a> Markdown<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut fenced = false;
        let lines = text.lines().enumerate().map(|(index, line)| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            (index + 1, line, fenced || fence)
        });
        Self { text, lines: lines.collect() }
    }

    /// Every line with its number.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &'a str)> {
        self.lines.iter().map(|(number, line, _)| (*number, *line))
    }

    /// The first heading of level one.
    pub(super) fn title(&self) -> Option<(usize, &'a str)> {
        self.prose().find_map(|(number, line)| Some((number, line.strip_prefix("# ")?)))
    }

    fn prose(&self) -> impl Iterator<Item = (usize, &'a str)> {
        self.lines.iter().filter(|(_, _, fenced)| !fenced).map(|(number, line, _)| (*number, *line))
    }

    /// The sections, in order.
    pub(super) fn sections(&self) -> Vec<Section<'_, 'a>> {
        let heads: Vec<(usize, &'a str)> = self
            .lines
            .iter()
            .enumerate()
            .filter(|(_, (_, _, fenced))| !fenced)
            .filter_map(|(index, (_, line, _))| Some((index, line.strip_prefix("## ")?.trim_end())))
            .collect();
        let ends = heads.iter().skip(1).map(|(index, _)| *index).chain([self.lines.len()]);
        heads
            .iter()
            .zip(ends)
            .map(|((index, name), end)| Section {
                name,
                line: self.lines[*index].0,
                lines: &self.lines[index + 1..end],
            })
            .collect()
    }

    /// The words of the whole text with their lines: runs of letters, digits and `_`.
    pub(super) fn words(&self) -> impl Iterator<Item = (usize, &'a str)> {
        self.lines().flat_map(|(number, line)| {
            line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .filter(|word| !word.is_empty())
                .map(move |word| (number, word))
        })
    }

    /// What stands in backticks on one line, with its line; fenced blocks are code of their own.
    pub(super) fn quotes(&self) -> impl Iterator<Item = (usize, &'a str)> {
        self.prose()
            .flat_map(|(number, line)| line.split('`').skip(1).step_by(2).map(move |quote| (number, quote)))
    }

    /// The passages, in order.
    pub(super) fn passages(&self) -> Vec<Passage> {
        let mut passages: Vec<Passage> = Vec::new();
        let mut lead: Option<String> = None;
        let mut open = false;
        for (number, line, fenced) in &self.lines {
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with("```") {
                open = false;
                continue;
            }
            let entry = !fenced && is_entry(trimmed);
            let heading = !fenced && trimmed.starts_with('#');
            if !open || entry || heading || *fenced {
                if let Some(last) = passages.last()
                    && last.lead.is_none()
                {
                    lead = last.text.ends_with(':').then(|| last.text.clone());
                }
                if !entry {
                    lead = None;
                }
                passages.push(Passage { text: String::new(), starts: Vec::new(), lead: lead.clone() });
            }
            open = !heading && !fenced;
            let Some(passage) = passages.last_mut() else { continue };
            for (index, word) in trimmed.split_whitespace().enumerate() {
                if !passage.text.is_empty() {
                    passage.text.push(' ');
                }
                if index == 0 {
                    passage.starts.push((passage.text.len(), *number));
                }
                passage.text.extend(word.chars().flat_map(char::to_lowercase));
            }
        }
        passages
    }
}

/// Whether a line begins an entry of a list.
fn is_entry(line: &str) -> bool {
    let numbered = line
        .split_once(". ")
        .is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    numbered || ["- ", "* ", "+ "].iter().any(|mark| line.starts_with(mark))
}

impl<'a> Section<'_, 'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.lines.iter().all(|(_, line, _)| line.trim().is_empty())
    }

    /// Its entries that begin with a name in backticks.
    pub(super) fn entries(&self) -> Vec<Entry<'a>> {
        let mut entries: Vec<Entry<'a>> = Vec::new();
        let mut open = false;
        for (number, line, fenced) in self.lines {
            if !fenced && let Some((name, _)) = line.strip_prefix("- `").and_then(|rest| rest.split_once('`'))
            {
                entries.push(Entry { name, line: *number, text: (*line).to_owned() });
                open = true;
            } else if open && !fenced && line.starts_with("  ") {
                if let Some(entry) = entries.last_mut() {
                    entry.text.push(' ');
                    entry.text.push_str(line.trim());
                }
            } else {
                open = false;
            }
        }
        entries
    }
}

impl Passage {
    /// The line of the file that a place of the text is from.
    pub(super) fn line(&self, at: usize) -> usize {
        let next = self.starts.partition_point(|(start, _)| *start <= at);
        self.starts.get(next.saturating_sub(1)).map_or(1, |(_, line)| *line)
    }

    /// Every place where a phrase stands as whole words.
    pub(super) fn places<'p>(&'p self, phrase: &'p str) -> impl Iterator<Item = usize> + 'p {
        let whole = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
        self.text.match_indices(phrase).map(|(at, _)| at).filter(move |at| {
            whole(self.text[..*at].chars().next_back())
                && whole(self.text[at + phrase.len()..].chars().next())
        })
    }

    /// The sentence's words before a place.
    pub(super) fn before(&self, at: usize) -> &str {
        let text = &self.text[..at];
        let start =
            [". ", "; ", "! ", "? "].iter().filter_map(|end| Some(text.rfind(end)? + end.len())).max();
        &text[start.unwrap_or(0)..]
    }
}
