//! What a harness prints: kept bounded, whole where it fits, byte for byte.

use millrace::format::config::Redaction;
use millrace::harness::exit::How;
use millrace::runtime::live::LiveStream;
use sha2::{Digest, Sha256};

use super::bench::{Bench, ended, eventually};

fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn bytes_that_are_not_utf8_are_kept_as_they_are() {
    let bench = Bench::new();
    let exit = bench.run(&bench.sh(r"printf 'a\377\376\000b\n'; printf '\200' >&2"));
    let stdout = std::fs::read(bench.inv_dir().join("stdout")).unwrap();
    assert_eq!(stdout, b"a\xff\xfe\x00b\n");
    assert_eq!(std::fs::read(bench.inv_dir().join("stderr")).unwrap(), b"\x80");
    assert_eq!((exit.stdout.total, exit.stdout.kept, exit.stdout.cut), (6, 6, false));
    assert_eq!(exit.stdout.sha256, sha256(&stdout));
    assert_eq!(exit.stderr.total, 1);
}

#[test]
fn of_long_output_head_and_tail_are_kept_and_the_digest_is_of_the_whole() {
    let bench = Bench::new();
    let mut invocation = bench.sh("seq 1 20000; seq 1 3 >&2");
    invocation.keep_bytes = 1_000;
    let exit = bench.run(&invocation);
    let mut whole = (1..=20_000).map(|number| number.to_string()).collect::<Vec<_>>().join("\n");
    whole.push('\n');
    let kept = bench.stdout();
    assert_eq!(kept.len(), 1_000);
    assert_eq!(kept[..500], whole[..500]);
    assert_eq!(kept[500..], whole[whole.len() - 500..]);
    assert_eq!((exit.stdout.total, exit.stdout.head, exit.stdout.cut), (whole.len() as u64, 500, true));
    assert_eq!(exit.stdout.sha256, sha256(whole.as_bytes()));
    assert!(!exit.stderr.cut, "each stream has its own bound");
}

/// Lesson M-13: 500 MB of output cost 1.4 GB of memory and 1 GB of disk.
#[test]
fn m13_two_hundred_megabytes_cost_neither_memory_nor_disk() {
    const KEEP: u64 = 4 * 1024 * 1024;
    let bench = Bench::new();
    let mut invocation = bench.sh("head -c 200000000 /dev/zero");
    invocation.keep_bytes = KEEP;
    let mut supervised = bench.launch(&invocation);
    let status = format!("/proc/{}/status", supervised.pid());
    let (mut memory, mut disk) = (0, 0);
    loop {
        if let Ok(text) = std::fs::read_to_string(&status)
            && let Some(line) = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))
        {
            let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
            memory = memory.max(kilobytes);
        }
        let held: u64 = std::fs::read_dir(bench.inv_dir())
            .unwrap()
            .flatten()
            .filter_map(|entry| entry.metadata().ok())
            .map(|metadata| metadata.len())
            .sum();
        disk = disk.max(held);
        if supervised.wait(std::time::Duration::from_millis(20)).unwrap().is_some() {
            break;
        }
    }
    let exit = ended(&mut supervised);
    assert_eq!(exit.how, How::Exited { code: 0 });
    assert_eq!((exit.stdout.total, exit.stdout.kept, exit.stdout.cut), (200_000_000, KEEP, true));
    assert!(memory > 0 && memory < 40 * 1024, "the supervisor took {memory} kB");
    assert!(disk < KEEP + 64 * 1024, "the invocation directory held {disk} bytes");
}

/// Who follows a stream reads what comes however long it has become, in order, and never a line by halves.
#[test]
fn a_stream_that_is_longer_than_is_kept_can_be_followed() {
    let bench = Bench::new();
    // Numbered lines: some at once, far more than is kept, then slowly.
    let mut invocation = bench
        .sh("seq -f 'line %08.0f' 1 100000; touch flooded; until [ -e go ]; do sleep 0.01; done
         for i in 100001 100002 100003; do printf 'line %08d\\n' $i; sleep 0.1; done; read line < gate");
    let gate = bench.work().join("gate");
    rustix::fs::mkfifoat(rustix::fs::CWD, &gate, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    invocation.keep_bytes = 200_000;
    let mut supervised = bench.launch(&invocation);
    let mut stream = LiveStream::new(&bench.inv_dir(), "stdout", Redaction::default());
    let mut seen = String::new();
    eventually("the flood", || {
        seen.push_str(&stream.read().unwrap());
        bench.work().join("flooded").exists().then_some(())
    });
    std::fs::write(bench.work().join("go"), "").unwrap();
    // The last lines come while the stage runs.
    eventually("the last line", || {
        seen.push_str(&stream.read().unwrap());
        seen.contains("line 00100003\n").then_some(())
    });
    std::fs::write(&gate, "go\n").unwrap();
    let exit = ended(&mut supervised);
    assert_eq!((exit.stdout.kept, exit.stdout.cut), (200_000, true));
    seen.push_str(&stream.finish().unwrap());
    in_order(&seen);
    assert!(seen.contains("line 00100000\n"), "nothing is lost of what the file still held");

    // Who comes when it has ended sees what is kept.
    let mut late = LiveStream::new(&bench.inv_dir(), "stdout", Redaction::default());
    let seen = late.finish().unwrap();
    in_order(&seen);
    assert!(seen.starts_with("line 00000001\n") && seen.ends_with("line 00100003\n"), "{seen}");
    assert!(seen.contains("more was printed than is kept"), "{seen}");
}

/// Whole numbered lines in their order, and lines that tell of gaps.
#[track_caller]
fn in_order(seen: &str) {
    let mut last = 0;
    for line in seen.lines() {
        if line.starts_with("[... more was printed than is kept: at least ") {
            continue;
        }
        let number: u32 =
            line.strip_prefix("line ").filter(|digits| digits.len() == 8).unwrap().parse().unwrap();
        assert!(number > last, "{number} after {last}");
        last = number;
    }
}

/// The same while the writer goes round as fast as it can.
#[test]
fn a_follower_that_is_overtaken_says_what_it_missed() {
    let bench = Bench::new();
    let mut invocation = bench.sh("seq -f 'line %08.0f' 1 3000000");
    invocation.keep_bytes = 300_000;
    let mut supervised = bench.launch(&invocation);
    let mut stream = LiveStream::new(&bench.inv_dir(), "stdout", Redaction::default());
    let mut seen = String::new();
    while supervised.wait(std::time::Duration::from_millis(1)).unwrap().is_none() {
        seen.push_str(&stream.read().unwrap());
    }
    seen.push_str(&stream.finish().unwrap());
    in_order(&seen);
    assert!(seen.ends_with("line 03000000\n"), "{}", &seen[seen.len().saturating_sub(100)..]);
}
