//! Which repositories cannot hold a ledger, and what their owner can do about it. Every decision is a function
//! of plain facts.

use gix::bstr::ByteSlice;
use gix::config::File as Config;

/// The oldest git that can be told what to fsync.
pub(super) const OLDEST_GIT: (u32, u32) = (2, 36);

/// The oldest git that reads and writes a reftable.
pub(super) const OLDEST_GIT_WITH_REFTABLE: (u32, u32) = (2, 45);

/// The oldest git that can be told to fetch nothing in passing (`GIT_NO_LAZY_FETCH`): in a partial clone, an older one
/// asks the network, for as long as that takes, for every object that it does not find.
pub(super) const OLDEST_GIT_WITHOUT_FETCH: (u32, u32) = (2, 45);

/// Extensions of the repository format that change nothing for us.
const KNOWN_EXTENSIONS: [&str; 8] = [
    "noop",
    "noop-v1",
    "preciousobjects",
    "worktreeconfig",
    "objectformat",
    "relativeworktrees",
    "refstorage",
    "partialclone",
];

/// Why a repository with this configuration cannot hold a ledger.
pub(super) fn by_config(config: &Config) -> Option<String> {
    if let Some(storage) = config.string("extensions.refStorage")
        && ![&b"files"[..], b"reftable"].iter().any(|known| storage.eq_ignore_ascii_case(known))
    {
        return Some(format!(
            "this repository keeps its refs as `{}`, which is not supported; \
             use a clone with ref format `files` or `reftable`",
            storage.to_str_lossy().escape_default()
        ));
    }
    for section in config.sections_by_name("extensions").into_iter().flatten() {
        for name in section.body().value_names() {
            let name = name.to_ascii_lowercase();
            if !KNOWN_EXTENSIONS.contains(&name.as_str()) {
                return Some(format!(
                    "this repository uses the extension `{}`, which is not supported; use a clone without it",
                    name.escape_default()
                ));
            }
        }
    }
    None
}

/// The git that a repository with this configuration needs, and where that is, if it is not everywhere.
pub(super) fn oldest_git(config: &Config) -> ((u32, u32), &'static str) {
    if config.string("extensions.refStorage").is_some_and(|kind| kind.eq_ignore_ascii_case(b"reftable")) {
        (OLDEST_GIT_WITH_REFTABLE, " in a repository that keeps its refs as reftable")
    } else if is_partial(config) {
        (OLDEST_GIT_WITHOUT_FETCH, " in a partial clone")
    } else {
        (OLDEST_GIT, "")
    }
}

/// Whether objects of the user's may be elsewhere, to be fetched by whoever reads them.
fn is_partial(config: &Config) -> bool {
    config.string("extensions.partialClone").is_some()
        || config.sections_by_name("remote").into_iter().flatten().any(|remote| {
            remote.body().value_implicit("promisor").is_some_and(|value| {
                value.is_none_or(|text| {
                    !["false", "no", "off", "0", ""].contains(&text.to_string().to_ascii_lowercase().as_str())
                })
            })
        })
}

/// Why a file system cannot hold a ledger. `magic` is what `statfs` calls it; `kind` is its name in the mount
/// table, where it has one: all file systems of user programs share one number.
pub(super) fn by_file_system(magic: u64, kind: Option<&str>) -> Option<String> {
    let name = match magic {
        0x6969 => "NFS",
        0x517b => "SMB",
        0xff53_4d42 => "CIFS",
        0xfe53_4d42 => "SMB2",
        0x0102_1997 => "9p",
        0x5346_414f => "AFS",
        0x6b41_4653 => "kAFS",
        0x7375_7245 => "Coda",
        0x00c3_6400 => "Ceph",
        0x564c => "NCP",
        0x0bd0_0bd0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x1983_0326 => "BeeGFS",
        0x786f_4256 => "VirtualBox shared folders",
        0xbacb_acbc => "VMware shared folders",
        0x7c7c_6673 => "Parallels shared folders",
        0x6573_5546 => {
            let program = kind.and_then(|kind| kind.strip_prefix("fuse."))?;
            let remote = [
                "sshfs",
                "rclone",
                "s3fs",
                "gcsfuse",
                "glusterfs",
                "ceph",
                "curlftpfs",
                "davfs",
                "davfs2",
                "smbnetfs",
                "juicefs",
                "moosefs",
                "mfs",
                "blobfuse",
                "blobfuse2",
                "goofys",
                "vmhgfs-fuse",
            ];
            if !remote.contains(&program) {
                return None;
            }
            program
        }
        _ => return None,
    };
    Some(format!(
        "this repository lies on a network file system ({name}), where locks and fsync cannot be relied on; \
         use a clone on a local disk"
    ))
}

/// Why this git cannot be used, by the output of `git version`. `place`: where this one is needed, if not everywhere.
pub(super) fn by_git_version(output: &str, oldest: (u32, u32), place: &str) -> Option<String> {
    let (major, minor) = oldest;
    let version = output.trim().strip_prefix("git version ").unwrap_or_default();
    let mut numbers = version.split(['.', ' ', '-']).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(a)), Some(Ok(b))) if (a, b) >= oldest => None,
        (Some(Ok(_)), Some(Ok(_))) => Some(format!(
            "git {version} is too old: {major}.{minor} or newer is needed{place}; install it and put it first in PATH"
        )),
        _ => Some(format!(
            "`git version` says `{}`, which is no version; put git {major}.{minor} or newer first in PATH",
            output.trim().escape_default()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_refused_by_their_number() {
        for magic in [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x0102_1997, 0x00c3_6400, 0x0bd0_0bd0] {
            let why = by_file_system(magic, None).expect("refused");
            assert!(why.contains("local disk"), "{why}");
        }
    }

    #[test]
    fn local_file_systems_are_fine() {
        // ext4, btrfs, xfs, tmpfs, overlayfs, zfs, apfs-like unknowns.
        for magic in [0xef53, 0x9123_683e, 0x5846_5342, 0x0102_1994, 0x794c_7630, 0x2fc1_2fc1, 0] {
            assert_eq!(by_file_system(magic, None), None, "{magic:#x}");
        }
    }

    #[test]
    fn programs_that_serve_files_are_told_apart_by_name() {
        let fuse = 0x6573_5546;
        assert!(by_file_system(fuse, Some("fuse.sshfs")).is_some_and(|why| why.contains("sshfs")));
        assert_eq!(by_file_system(fuse, Some("fuse.gocryptfs")), None);
        assert_eq!(by_file_system(fuse, Some("fuseblk")), None);
        assert_eq!(by_file_system(fuse, None), None);
    }

    #[test]
    fn git_is_refused_below_the_oldest_one() {
        for fine in [
            "git version 2.36.0",
            "git version 2.47.3\n",
            "git version 3.0.1",
            "git version 2.39.5 (Apple Git-154)",
        ] {
            assert_eq!(by_git_version(fine, OLDEST_GIT, ""), None, "{fine}");
        }
        for bad in ["git version 2.35.9", "git version 1.99.0", "git version 2.20.1.windows.1"] {
            assert!(by_git_version(bad, OLDEST_GIT, "").is_some_and(|why| why.contains("2.36")), "{bad}");
        }
        assert!(by_git_version("command not found", OLDEST_GIT, "").is_some());
        assert!(by_git_version("", OLDEST_GIT, "").is_some());
    }

    fn refused(text: &str) -> Option<String> {
        by_config(&text.parse::<Config>().expect("a configuration"))
    }

    #[test]
    fn configurations_are_judged() {
        assert_eq!(refused("[core]\n\tbare = false\n[remote \"origin\"]\n\turl = x\n"), None);
        assert_eq!(refused("[extensions]\n\tobjectFormat = sha256\n\trefStorage = files\n"), None);
        assert_eq!(refused("[remote \"origin\"]\n\tpromisor = false\n"), None);
        assert_eq!(
            refused("[extensions]\n\trefStorage = reftable\n\tworktreeConfig\n\trelativeWorktrees\n"),
            None
        );
        for (text, word) in [
            ("[extensions]\n\trefstorage = fromthefuture\n", "fromthefuture"),
            ("[extensions]\n\tcompatObjectFormat = sha1\n", "compatobjectformat"),
            ("[extensions]\n\tfromTheFuture = 1\n", "fromthefuture"),
        ] {
            assert!(refused(text).is_some_and(|why| why.contains(word)), "{text}");
        }
    }

    #[test]
    fn some_repositories_need_a_newer_git() {
        let need = |text: &str| {
            let config = text.parse::<Config>().expect("a configuration");
            let (oldest, place) = oldest_git(&config);
            by_git_version("git version 2.40.1", oldest, place)
        };
        for fine in [
            "[core]\n\tbare = false\n",
            "[remote \"origin\"]\n\tpromisor = false\n",
            "[extensions]\n\trefStorage = files\n",
        ] {
            assert_eq!(need(fine), None, "{fine}");
        }
        for (text, word) in [
            ("[extensions]\n\trefstorage = reftable\n", "reftable"),
            ("[extensions]\n\tpartialClone = origin\n", "partial clone"),
            ("[remote \"origin\"]\n\tpromisor = true\n", "partial clone"),
            ("[remote \"a\"]\n\turl = x\n[remote \"b\"]\n\tpromisor\n", "partial clone"),
        ] {
            let why = need(text).expect("refused");
            assert!(why.contains(word) && why.contains("2.45 or newer"), "{why}");
        }
    }
}
