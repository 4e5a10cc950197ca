//! Bad input by class: documents of any kind, made from a good one, each with what has to become of it.

use millrace::domain::limits::{MAX_DOCUMENT_BYTES, MAX_YAML_DEPTH};

/// A kind of document, as far as this table has to know it.
pub(crate) struct Form {
    /// The field with the id.
    pub(crate) id: &'static str,
    /// The other fields that have to be there, as lines.
    pub(crate) rest: &'static str,
    /// Whether all but id and title is left to its readers.
    pub(crate) lenient: bool,
}

pub(crate) const TASK: Form = Form {
    id: "task_id",
    rest: "target_paths: [a]\nacceptance: [b]\nrequired_checks: [c]\nreferences: [d]\nrisk: [e]\n",
    lenient: false,
};

pub(crate) const SPEC: Form = Form {
    id: "spec_id",
    rest: "summary: S\nsource_type: manual\ngoals: [a]\nconstraints: [b]\nacceptance: [c]\nreferences: [d]\n",
    lenient: false,
};

/// As a stage writes it into its outbox.
pub(crate) const INCIDENT: Form = Form { id: "incident_id", rest: "", lenient: true };

/// What becomes of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is refused in one line with these words.
    Refused(&'static str),
    /// It is kept byte for byte.
    Kept,
}

/// One bad document.
pub(crate) struct Malformed {
    /// Its class; where the document is kept, its id.
    pub(crate) class: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) fate: Fate,
}

impl Form {
    /// A good document of this kind, with more lines of front matter, and a body.
    pub(crate) fn document(&self, id: &str, title: &str, more: &str, body: &str) -> String {
        format!("---\n{}: {id}\ntitle: {title}\n{}{more}---\n{body}", self.id, self.rest)
    }

    /// One document of each class.
    pub(crate) fn malformed(&self) -> Vec<Malformed> {
        use Fate::{Kept, Refused};
        let mut all = Vec::new();
        let mut add = |class, bytes: Vec<u8>, fate| all.push(Malformed { class, bytes, fate });
        let plain = |id: &str| self.document(id, "T", "", "Body.\n");
        let more = |line: &str| self.document("x", "T", line, "Body.\n").into_bytes();
        let titled = |id: &str, title: &str| self.document(id, title, "", "Body.\n").into_bytes();
        let sized = |id: &str, size: usize| {
            let mut document = plain(id);
            document.push_str(&"x".repeat(size - document.len()));
            document.into_bytes()
        };
        let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "\u{feff}".encode_utf16().chain(plain("x").encode_utf16()).flat_map(order).collect()
        };

        add("bom", format!("\u{feff}{}", plain("bom")).into_bytes(), Kept);
        add("crlf", plain("crlf").replace('\n', "\r\n").into_bytes(), Kept);
        add("utf16-le", utf16(u16::to_le_bytes), Refused("the document is UTF-16"));
        add("utf16-be", utf16(u16::to_be_bytes), Refused("the document is UTF-16"));
        add("latin-1", [plain("x").as_bytes(), b"caf\xe9\n"].concat(), Refused("the byte 0xE9 is not UTF-8"));
        add("nul", format!("{}a\0b\n", plain("x")).into_bytes(), Refused("a NUL byte"));
        add("nothing", Vec::new(), Refused("the document is empty"));
        add("at-the-limit", sized("at-the-limit", MAX_DOCUMENT_BYTES), Kept);
        add("over-the-limit", sized("x", MAX_DOCUMENT_BYTES + 1), Refused("the document has 1048577 bytes"));
        let deep = format!("deep: {}x{}\n", "[".repeat(5000), "]".repeat(5000));
        add("deep-flow", more(&deep), Refused("nested more than 16 deep"));
        let block: Vec<String> =
            (0..=MAX_YAML_DEPTH + 1).map(|at| format!("{}a:\n", "  ".repeat(at))).collect();
        let block = block.concat();
        add("deep-block", more(&block), Refused("nested more than 16 deep"));
        let bomb: Vec<String> = (1..30).map(|at| format!("b{at}: &b{at} [*b{0}, *b{0}]\n", at - 1)).collect();
        let bomb = bomb.concat();
        add("alias-bomb", more(&format!("b0: &b0 [x]\n{bomb}")), Refused("which is an anchor in YAML"));
        add("duplicate-key", more("title: U\n"), Refused("the key `title` occurs twice"));
        add("duplicate-id", more(&format!("{}: y\n", self.id)), Refused("occurs twice"));
        add("tag", more("a: !!binary aGk=\n"), Refused("which is a tag in YAML"));
        let two = self.document("two-documents", "T", "---\ntitle: U\n...\n", "Body.\n");
        add("two-documents", two.into_bytes(), Kept);
        add("title-newline", titled("x", "\"T\\npriority: 0\""), Refused("title: holds a line break"));
        add("title-block", titled("x", "|\n  T\n  U"), Refused("title: holds a line break"));
        add(
            "title-trailer",
            titled("x", "\"T\\n\\nMillrace-Op: genesis\""),
            Refused("title: holds a line break"),
        );
        add("title-like-a-trailer", titled("title-like-a-trailer", "\"Millrace-Op: genesis\""), Kept);
        let body = "Body.\n\nMillrace-Op: genesis\nMillrace-Item: task/none\n";
        add("body-trailer", self.document("body-trailer", "T", "", body).into_bytes(), Kept);
        add("title-rtl", titled("x", "\"a\\u202eb\""), Refused("title: holds the control character U+202E"));
        add("title-rtl-raw", titled("x", "a\u{202e}b"), Refused("title: holds the control character U+202E"));
        add("title-ansi", titled("x", "\"\\e[2Ja\""), Refused("title: holds the control character U+001B"));
        add("title-ansi-raw", titled("x", "\u{1b}[2Ja"), Refused("the control character U+001B"));
        let body = "\u{1b}[2J\u{1b}]0;x\u{7} \u{202e}evil\n";
        add("body-ansi", self.document("body-ansi", "T", "", body).into_bytes(), Kept);
        for (class, id, fate) in [
            ("id-parent", "../x", Refused("`../x` is not an id")),
            ("id-folder", "a/b", Refused("`a/b` is not an id")),
            ("id-dots", "\"..\"", Refused("`..` is not an id")),
            ("id-option", "\"-x\"", Refused("`-x` is not an id")),
            ("id-rtl", "\"a\\u202eb\"", Refused("is not an id")),
            ("id.lock", "id.lock", Kept),
            ("HEAD", "HEAD", Kept),
        ] {
            add(class, titled(id, "T"), fate);
        }
        // Of an incident that a stage writes, nothing but id and title is read.
        let (field, naive) = if self.lenient {
            ("opened_at", Kept)
        } else {
            ("created_at", Refused("`2026-11-22T09:30:00` has no time zone"))
        };
        let line = format!("{field}: 2026-11-22T09:30:00\n");
        add("naive-time", self.document("naive-time", "T", &line, "").into_bytes(), naive);
        all
    }
}

/// A cycle of documents, each of which depends on the next and the last on the first.
pub(crate) fn cycle(form: &Form, length: usize) -> Vec<String> {
    let depends = |at: usize| format!("depends_on: [c{length}-{}]\n", (at + 1) % length);
    (0..length).map(|at| form.document(&format!("c{length}-{at}"), "T", &depends(at), "")).collect()
}
