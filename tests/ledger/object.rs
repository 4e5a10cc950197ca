//! Names of objects, as git gives them.

use millrace::ledger::object::object_id;
use millrace::ledger::store::{ObjectFormat, ObjectKind};

use crate::support::repo::TestRepo;

#[test]
fn ids_are_those_that_git_computes() {
    for (format, flag) in [(ObjectFormat::Sha1, "sha1"), (ObjectFormat::Sha256, "sha256")] {
        let repo = TestRepo::init_with(&[&format!("--object-format={flag}")]);
        for content in ["", "x", "line\nline\n"] {
            repo.write("file", content);
            let expected = repo.git(&["hash-object", "file"]);
            let id = object_id(format, ObjectKind::Blob, content.as_bytes()).expect("an id");
            assert_eq!(id.to_string(), expected);
        }
        let empty = repo.git(&["hash-object", "-t", "tree", "/dev/null"]);
        assert_eq!(object_id(format, ObjectKind::Tree, b"").expect("an id").to_string(), empty);
    }
}
