//! Bytes of a pack and of its index, version 2 each, without deltas: `git pack-objects` makes those when packs
//! are folded.

use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::domain::oid::Oid;
use crate::ledger::store::{Object, ObjectFormat, ObjectKind, StoreError};

/// Offsets below this fit the index's 4-byte table; a pack of ours is a few hundred kilobytes.
const MAX_PACK_BYTES: usize = (1 << 31) - 1;

/// A pack in memory.
pub(super) struct PackBytes {
    /// The hash at its end, which git names packs by.
    pub(super) checksum: Oid,
    pub(super) pack: Vec<u8>,
    pub(super) index: Vec<u8>,
}

struct Entry {
    oid: Oid,
    crc: u32,
    offset: u32,
}

/// Packs these objects; an object given twice is written once.
pub(super) fn pack(format: ObjectFormat, objects: &[Object]) -> Result<PackBytes, StoreError> {
    let mut order: Vec<&Object> = objects.iter().collect();
    order.sort_by_key(|object| object.oid);
    order.dedup_by_key(|object| object.oid);
    let count = u32::try_from(order.len()).map_err(|_| too_large())?;

    let mut pack = Vec::new();
    pack.extend_from_slice(b"PACK");
    pack.extend_from_slice(&2u32.to_be_bytes());
    pack.extend_from_slice(&count.to_be_bytes());
    let mut entries = Vec::with_capacity(order.len());
    // One for all: making one costs more than compressing a small object.
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    for object in order {
        let start = pack.len();
        entry_header(&mut pack, object.kind, object.bytes.len());
        zlib.write_all(&object.bytes).map_err(in_memory)?;
        pack.extend_from_slice(&zlib.reset(Vec::new()).map_err(in_memory)?);
        if pack.len() > MAX_PACK_BYTES {
            return Err(too_large());
        }
        let offset = u32::try_from(start).map_err(|_| too_large())?;
        entries.push(Entry { oid: object.oid, crc: crc32fast::hash(&pack[start..]), offset });
    }
    let checksum = hash(format, &pack)?;
    pack.extend_from_slice(checksum.as_bytes());
    let index = index(format, &entries, checksum)?;
    Ok(PackBytes { checksum, pack, index })
}

/// Three bits of type and the size, seven bits a byte after the first four, low bits first.
fn entry_header(pack: &mut Vec<u8>, kind: ObjectKind, size: usize) {
    let kind: u8 = match kind {
        ObjectKind::Commit => 1,
        ObjectKind::Tree => 2,
        ObjectKind::Blob => 3,
    };
    let low = |size: usize, mask: u8| size.to_le_bytes()[0] & mask;
    let mut byte = (kind << 4) | low(size, 0x0f);
    let mut rest = size >> 4;
    while rest > 0 {
        pack.push(byte | 0x80);
        byte = low(rest, 0x7f);
        rest >>= 7;
    }
    pack.push(byte);
}

/// `entries` are sorted by id.
fn index(format: ObjectFormat, entries: &[Entry], pack_checksum: Oid) -> Result<Vec<u8>, StoreError> {
    let mut index = Vec::with_capacity(1100 + entries.len() * (format.bytes() + 8));
    index.extend_from_slice(b"\xfftOc");
    index.extend_from_slice(&2u32.to_be_bytes());
    for first in 0..=u8::MAX {
        let upto = entries.partition_point(|entry| entry.oid.as_bytes()[0] <= first);
        index.extend_from_slice(&u32::try_from(upto).map_err(|_| too_large())?.to_be_bytes());
    }
    for entry in entries {
        index.extend_from_slice(entry.oid.as_bytes());
    }
    for entry in entries {
        index.extend_from_slice(&entry.crc.to_be_bytes());
    }
    for entry in entries {
        index.extend_from_slice(&entry.offset.to_be_bytes());
    }
    index.extend_from_slice(pack_checksum.as_bytes());
    let checksum = hash(format, &index)?;
    index.extend_from_slice(checksum.as_bytes());
    Ok(index)
}

/// Whether the file ends with the hash of what stands before.
pub(super) fn is_whole(format: ObjectFormat, path: &Path) -> Result<bool, StoreError> {
    let fault = |source| StoreError::Io { action: "read", path: path.to_owned(), source };
    let mut file = std::fs::File::open(path).map_err(fault)?;
    let length = file.metadata().map_err(fault)?.len();
    let Some(mut rest) = length.checked_sub(format.bytes() as u64) else { return Ok(false) };
    let mut hasher = gix::hash::hasher(format.into());
    let mut buffer = vec![0; 64 * 1024];
    while rest > 0 {
        let want = usize::try_from(rest).unwrap_or(usize::MAX).min(buffer.len());
        let got = file.read(&mut buffer[..want]).map_err(fault)?;
        if got == 0 {
            return Ok(false);
        }
        hasher.update(&buffer[..got]);
        rest -= got as u64;
    }
    let mut trailer = Vec::new();
    file.read_to_end(&mut trailer).map_err(fault)?;
    let sum = hasher.try_finalize().map_err(|error| unhashable(&error))?;
    Ok(sum.as_bytes() == trailer)
}

fn hash(format: ObjectFormat, bytes: &[u8]) -> Result<Oid, StoreError> {
    let mut hasher = gix::hash::hasher(format.into());
    hasher.update(bytes);
    let sum = hasher.try_finalize().map_err(|error| unhashable(&error))?;
    Oid::from_bytes(sum.as_bytes()).ok_or_else(|| unhashable(&"unknown length"))
}

fn unhashable(detail: &dyn std::fmt::Display) -> StoreError {
    StoreError::Git { action: "hash a pack".to_owned(), detail: detail.to_string() }
}

fn too_large() -> StoreError {
    StoreError::Git {
        action: "write a pack".to_owned(),
        detail: format!("more than {MAX_PACK_BYTES} bytes in one publication"),
    }
}

fn in_memory(source: std::io::Error) -> StoreError {
    StoreError::Io { action: "compress", path: "(memory)".into(), source }
}
