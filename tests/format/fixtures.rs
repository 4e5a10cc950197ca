//! The files of `fixtures/`, folder by folder, so that no file is without a test.

use std::path::Path;

/// Every file of a folder below `fixtures/`, by name without its ending, in order.
pub(super) fn all(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
    let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(&folder)
        .expect("a folder of fixtures")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("a fixture"))
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no fixtures in {}", folder.display());
    files
}

/// One of them.
pub(super) fn one(folder: &str, name: &str) -> Vec<u8> {
    let found = all(folder).into_iter().find(|(found, _)| found == name);
    found.unwrap_or_else(|| panic!("no fixture {name} in {folder}")).1
}
