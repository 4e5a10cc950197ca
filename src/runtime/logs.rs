//! The log store: whole outputs, compressed, outside of the ledger's tree, which keeps digest, size and a tail.

use std::fs::File;
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Where the log of this digest lies: `<common-dir>/millrace/logs/<sha256>`, gzip.
#[must_use]
pub fn path(private_dir: &Path, sha256: &str) -> PathBuf {
    private_dir.join("logs").join(sha256)
}

/// Stores a file under the digest of what it records, durably. What is there already stays: same digest, same bytes.
pub fn store(private_dir: &Path, sha256: &str, from: &Path) -> io::Result<()> {
    let to = path(private_dir, sha256);
    if to.exists() {
        return Ok(());
    }
    let folder = private_dir.join("logs");
    std::fs::create_dir_all(&folder)?;
    let temporary = tempfile::NamedTempFile::new_in(&folder)?;
    let mut encoder = GzEncoder::new(BufWriter::new(temporary), Compression::fast());
    io::copy(&mut BufReader::new(File::open(from)?), &mut encoder)?;
    let temporary = encoder.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    temporary.as_file().sync_all()?;
    temporary.persist(&to).map_err(|error| error.error)?;
    File::open(&folder)?.sync_all()
}
