//! Backups of the real server: made while clients write, restored elsewhere, cut off by a kill; and roots that come back
//! from an escrow.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod bench;

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use serde_json::Value as Json;

use bench::Bench;

fn partial(directory: &Path) -> bool {
    fs::read_dir(directory).unwrap().any(|entry| entry.unwrap().file_name().to_string_lossy().ends_with(".partial"))
}

#[test]
fn what_was_acknowledged_before_a_backup_is_served_after_a_restore() {
    let mut bench = Bench::new();
    bench.init(&[]);
    bench.start("data");
    let (acknowledged, stop) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    let before = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let id = bench.create().unwrap();
                    acknowledged.lock().unwrap().push(id);
                }
            });
        }
        while acknowledged.lock().unwrap().len() < 10 {
            sleep(Duration::from_millis(20));
        }
        let before = acknowledged.lock().unwrap().clone();
        let report = bench.backup("one.backup");
        stop.store(true, Ordering::Relaxed);
        assert!(report["bytes"].as_u64().unwrap() > 1000, "{report}");
        before
    });
    assert!(!partial(bench.directory.path()));
    let file = bench.text("one.backup");
    let made = ["backup", "--data", &bench.text("data"), "--out", &file];
    assert!(bench.ends(1, &made).contains("not overwritten"));
    bench.stop();

    let restored = bench.elsewhere("restored");
    let arguments = ["restore", "--from", &file, "--data", &restored];
    assert!(bench.ends(0, &[&arguments[..], &["--dry-run"]].concat()).contains("nothing was written"));
    assert!(!bench.path("restored").join("store/db").exists());
    let report: Json = serde_json::from_str(&bench.ends(0, &[&arguments[..], &["--json"]].concat())).unwrap();
    assert!(report["objects"].as_u64().unwrap() >= before.len() as u64, "{report}");
    assert!(bench.ends(1, &arguments).contains("not empty"));
    bench.ends(0, &["audit", "verify", "--data", &restored]);
    bench.start("restored");
    for id in &before {
        assert!(bench.has("restored", id), "{id} was acknowledged");
    }
}

#[test]
fn a_kill_leaves_no_half_backup_and_no_half_store() {
    let mut bench = Bench::new();
    bench.init(&[]);
    bench.start("data");
    let id = bench.create().unwrap();
    let whole = bench.text("whole.backup");
    bench.backup("whole.backup");
    for round in 0..6_u64 {
        let file = bench.text(&format!("{round}.backup"));
        let mut child = bench.command(&["backup", "--data", &bench.text("data"), "--out", &file]).spawn().unwrap();
        sleep(Duration::from_millis(round * 12));
        child.kill().unwrap();
        child.wait().unwrap();
        if Path::new(&file).exists() {
            bench.ends(0, &["backup", "verify", &file, "--data", &bench.text("data")]);
        }
    }
    assert!(bench.has("data", &id), "the server goes on");
    bench.stop();

    let data = bench.elsewhere("restored");
    let mut cut = 0;
    for round in 0..8_u64 {
        let mut child = bench.command(&["restore", "--from", &whole, "--data", &data]).spawn().unwrap();
        sleep(Duration::from_millis(20 + round * 30));
        child.kill().unwrap();
        child.wait().unwrap();
        if bench.path("restored").join("store/keyhaven.loading").exists() {
            cut += 1;
            let refused = bench.ends(1, &["serve", "--data", &data, "--listen", "127.0.0.1:0"]);
            assert!(refused.contains("run the restore again"), "{refused}");
        } else if bench.path("restored").join("store/db").exists() {
            break;
        }
    }
    println!("{cut} restores were cut off after they began to write");
    if !bench.path("restored").join("store/db").exists() || cut > 0 {
        let _ = bench.command(&["restore", "--from", &whole, "--data", &data]).status().unwrap();
    }
    bench.start("restored");
    assert!(bench.has("restored", &id));
}

/// Destroyed after the backup, and known to be: it stays so.
#[test]
fn what_was_destroyed_later_stays_destroyed_with_the_newer_store_at_hand() {
    let mut bench = Bench::new();
    bench.init(&[]);
    bench.start("data");
    let (lives, dies) = (bench.create().unwrap(), bench.create().unwrap());
    bench.backup("one.backup");
    assert!(bench.client("data", &["destroy", &dies]).status.success());
    bench.stop();
    let file = bench.text("one.backup");
    let (plain, merged) = (bench.elsewhere("plain"), bench.elsewhere("merged"));
    let told = bench.ends(0, &["restore", "--from", &file, "--data", &plain]);
    assert!(told.contains("alive again"), "{told}");
    let newer = bench.path("data").join("store");
    let arguments =
        ["restore", "--from", &file, "--data", &merged, "--json", "--destroyed-in", newer.to_str().unwrap()];
    let report: Json = serde_json::from_str(&bench.ends(0, &arguments)).unwrap();
    assert_eq!((&report["kept_destroyed"], &report["destroyed"]), (&Json::from(1), &Json::from(1)), "{report}");
    bench.start("plain");
    assert!(bench.has("plain", &dies) && bench.has("plain", &lives));
    bench.stop();
    bench.start("merged");
    assert!(!bench.has("merged", &dies) && bench.has("merged", &lives));
}

#[test]
fn a_backup_opens_with_its_root_alone_of_each_kind() {
    for (kind, mut bench) in Bench::of_each_root() {
        bench.start("data");
        let id = bench.create().unwrap();
        bench.stop();
        // With the server stopped the command opens the store itself.
        bench.backup("one.backup");
        let file = bench.text("one.backup");
        let drill: Json = serde_json::from_str(&bench.ends(
            0,
            &["backup", "drill", &file, "--data", &bench.text("data"), "--scratch", &bench.text(""), "--json"],
        ))
        .unwrap();
        assert_eq!((&drill["materials"], &drill["root"]), (&Json::from(1), &Json::from(kind)), "{drill}");
        let restored = bench.elsewhere("restored");
        bench.ends(0, &["restore", "--from", &file, "--data", &restored]);
        bench.start("restored");
        assert!(bench.has("restored", &id), "{kind}");

        let other = Bench::new();
        other.init(&[]);
        let refused = other.ends(1, &["backup", "verify", &file, "--data", &other.text("data")]);
        assert!(refused.contains(&format!("a root of kind {kind}")), "{refused}");
    }
}

#[test]
fn a_lost_root_comes_back_from_its_escrow_or_from_a_recovery_key() {
    let mut bench = Bench::new();
    bench.init(&[]);
    bench.start("data");
    let id = bench.create().unwrap();
    let (public, private) = bench.recovery_key();
    let data = bench.text("data");
    let (file, rsa, split) = (bench.text("one.backup"), bench.text("rsa.escrow"), bench.text("split.escrow"));
    bench.ends(0, &["backup", "--data", &data, "--out", &file, "--recovery-key", &public, "--recovery-ledger"]);
    bench.ends(0, &["root", "escrow", "--data", &data, "--to-rsa", &public, "--out", &rsa]);
    bench.ends(0, &["root", "escrow", "--data", &data, "--shares", "3", "--threshold", "2", "--out", &split]);
    bench.stop();
    let with_rsa = ["root", "recover", "--data", &data, "--from", &rsa, "--recovery-private-key", &private];
    assert!(bench.ends(1, &with_rsa).contains("not overwritten"));
    let root = bench.path("data").join("root.key");
    let text = fs::read(&root).unwrap();
    fs::remove_file(&root).unwrap();
    assert!(bench.ends(0, &with_rsa).contains("It opens the store"));
    fs::remove_file(&root).unwrap();
    let share = |number: u8| format!("{split}.shares/share-{number}.txt");
    let from_shares = ["root", "recover", "--data", &data, "--from", &split, "--share-file"];
    assert!(bench.ends(2, &[&from_shares[..], &[&share(1)]].concat()).contains("1 of 2 shares"));
    bench.ends(0, &[&from_shares[..], &[&share(3), "--share-file", &share(1)]].concat());
    bench.start("data");
    assert!(bench.has("data", &id));
    bench.stop();

    // Another root, and the backup with its recovery key.
    let restored = bench.elsewhere("restored");
    let other = Bench::new();
    other.init(&[]);
    fs::copy(other.path("data").join("root.key"), bench.path("restored").join("root.key")).unwrap();
    let arguments = ["restore", "--from", &file, "--data", &restored];
    bench.ends(1, &arguments);
    bench.ends(0, &[&arguments[..], &["--recovery-private-key", &private]].concat());
    bench.start("restored");
    assert!(bench.has("restored", &id));
    assert_ne!(text, fs::read(bench.path("restored").join("root.key")).unwrap());
}
