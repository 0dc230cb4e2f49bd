//! The ledger of the real server: what was destroyed before a roll comes back from no backup, and everything else does; rolls
//! that a kill cuts off; a machine that is lost.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod bench;

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value as Json;

use bench::Bench;

fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn roll(bench: &Bench) -> Json {
    json(&bench.ends(0, &["ledger", "roll", "--data", &bench.text("data"), "--json"]))
}

fn status(bench: &Bench, id: &str) -> Json {
    json(&bench.ends(0, &["ledger", "status", "--data", &bench.text("data"), "--id", id, "--json"]))
}

fn copies(directory: PathBuf) -> usize {
    fs::read_dir(directory).unwrap().count()
}

#[test]
fn what_was_destroyed_before_a_roll_comes_back_from_no_backup() {
    for (kind, mut bench) in Bench::of_each_root() {
        bench.start("data");
        let (lives, dies) = (bench.create().unwrap(), bench.create().unwrap());
        let made = bench.backup("one.backup");
        assert!(bench.path("one.ledger").exists(), "{made}");
        assert!(bench.client("data", &["destroy", &dies]).status.success());
        assert!(status(&bench, &dies)["object"]["final"].is_null());
        if kind == "pkcs11" {
            // The old root stays in the token, so that the backup opens; the epochs are no business of it.
            bench.ends(0, &["root", "rotate", "--data", &bench.text("data")]);
        }
        let rolled = roll(&bench);
        assert_eq!((&rolled["epoch"], &rolled["final"]), (&Json::from(2), &Json::from(1)), "{kind}: {rolled}");
        let told = status(&bench, &dies);
        assert!(told["object"]["final"].is_string(), "{told}");
        assert!(status(&bench, &lives)["object"]["destroyed"].is_null());
        bench.stop();

        let file = bench.text("one.backup");
        let restored = bench.elsewhere("restored");
        let restore = ["restore", "--from", &file, "--data", &restored];
        let dead = bench.ends(1, &[&restore[..], &["--ledger", &bench.text("one.ledger")]].concat());
        assert!(dead.contains("destroyed by a roll"), "{kind}: {dead}");
        bench.ends(0, &["backup", "drill", &file, "--data", &restored, "--scratch", &bench.text("")]);
        let report = json(&bench.ends(0, &[&restore[..], &["--json"]].concat()));
        assert_eq!((&report["not_in_ledger"], &report["destroyed"]), (&Json::from(1), &Json::from(1)), "{report}");
        bench.ends(0, &["verify", "--data", &restored]);
        bench.start("restored");
        assert!(bench.has("restored", &lives) && !bench.has("restored", &dies), "{kind}");
        bench.stop();
        // The store that was not lost rolls on, also with the server stopped.
        let again = roll(&bench);
        assert_eq!((&again["epoch"], &again["removed"]), (&Json::from(3), &Json::from(1)), "{kind}: {again}");
        if kind == "pkcs11" {
            // The token is the same, so the copies that the other directory still has are dead too.
            let refused = bench.ends(1, &["backup", "verify", &file, "--data", &restored]);
            assert!(refused.contains("destroyed by a roll"), "{refused}");
        }
    }
}

/// A kill at any moment of a roll: the next start goes on, and the next roll ends what was left.
#[test]
fn a_roll_under_kills_loses_nothing_that_lives() {
    let mut bench = Bench::new();
    bench.init(&[]);
    bench.start("data");
    let (lives, dies) = (bench.create().unwrap(), bench.create().unwrap());
    bench.backup("one.backup");
    assert!(bench.client("data", &["destroy", &dies]).status.success());
    let data = bench.text("data");
    for round in 0..8_u64 {
        let mut child = bench.command(&["ledger", "roll", "--data", &data]).spawn().unwrap();
        sleep(Duration::from_millis(5 + round * 9));
        bench.stop();
        let _ = child.wait();
        // Of every state that a kill leaves there is a copy that opens, or none was there yet.
        bench.start("data");
        let told = status(&bench, &lives);
        assert!(!told["epochs"].as_array().unwrap().is_empty(), "{told}");
        assert!(told["rolled"].is_null() || told["newest"].is_object(), "{told}");
    }
    let rolled = roll(&bench);
    let told = status(&bench, &dies);
    assert_eq!((&told["unfinished"], told["epochs"].as_array().unwrap().len()), (&Json::from(false), 1), "{told}");
    assert_eq!(told["epochs"][0], rolled["epoch"]);
    assert!(told["object"]["final"].is_string(), "{told}");
    assert_eq!(copies(bench.path("data").join("ledger")), 1, "nothing is left of what was cut off");
    bench.stop();
    let restored = bench.elsewhere("restored");
    bench.ends(0, &["restore", "--from", &bench.text("one.backup"), "--data", &restored]);
    bench.ends(0, &["verify", "--data", &restored]);
    bench.start("restored");
    assert!(bench.has("restored", &lives) && !bench.has("restored", &dies));
}

/// Everything is lost but an escrow, a backup and the ledger copy of the last roll.
#[test]
fn a_lost_machine_comes_back_from_escrow_backup_and_ledger_copy() {
    let mut bench = Bench::new();
    bench.init(&["--root", "passphrase"]);
    bench.start("data");
    let (lives, dies) = (bench.create().unwrap(), bench.create().unwrap());
    let (public, private) = bench.recovery_key();
    let data = bench.text("data");
    bench.backup("one.backup");
    assert!(bench.client("data", &["destroy", &dies]).status.success());
    let escrow = |name: &str| {
        bench.ends(0, &["root", "escrow", "--data", &data, "--to-rsa", &public, "--out", &bench.text(name)]);
    };
    escrow("before.escrow");
    let rolled = roll(&bench);
    let copy = rolled["file"].as_str().unwrap().to_owned();
    fs::copy(&copy, bench.path("kept.ledger")).unwrap();
    escrow("after.escrow");
    bench.stop();
    for (name, opens) in [("before", false), ("after", true)] {
        let lost = bench.elsewhere(name);
        for file in ["root.key", "root.epoch"] {
            fs::remove_file(bench.path(name).join(file)).unwrap();
        }
        fs::remove_dir_all(bench.path(name).join("ledger")).unwrap();
        let from = bench.text(&format!("{name}.escrow"));
        let told =
            bench.ends(0, &["root", "recover", "--data", &lost, "--from", &from, "--recovery-private-key", &private]);
        assert!(told.contains("kind = \"file\""), "{told}");
        let config = bench.path(name).join("keyhaven.toml");
        let text = fs::read_to_string(&config).unwrap().replace("kind = \"passphrase\"", "kind = \"file\"");
        fs::write(&config, text).unwrap();
        let kept = bench.text("kept.ledger");
        let restore = ["restore", "--from", &bench.text("one.backup"), "--data", &lost, "--ledger", &kept];
        if !opens {
            // An escrow from before the roll has the key of the epoch that was ended, and not that of the new one.
            bench.ends(1, &restore);
            continue;
        }
        bench.ends(0, &restore);
        bench.start(name);
        assert!(bench.has(name, &lives) && !bench.has(name, &dies));
        bench.stop();
    }
}

#[test]
fn a_server_rolls_by_itself_when_it_is_due() {
    let mut bench = Bench::new();
    bench.init(&[]);
    let config = bench.path("data").join("keyhaven.toml");
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains("roll_hours = 0"));
    fs::write(&config, text.replace("roll_hours = 0", "roll_hours = 1")).unwrap();
    bench.start("data");
    let id = bench.create().unwrap();
    let rolled = (0..100).any(|_| {
        sleep(Duration::from_millis(50));
        status(&bench, &id)["rolled"].is_string()
    });
    assert!(rolled, "{}", fs::read_to_string(bench.path("log")).unwrap());
    assert_eq!(copies(bench.path("data").join("ledger")), 1);
}

/// A copy that is asked for; and one with a recovery key, which outlives its epoch.
#[test]
fn a_copy_dies_with_its_epoch_unless_a_recovery_key_opens_it() {
    let mut bench = Bench::new();
    bench.init(&[]);
    bench.start("data");
    let id = bench.create().unwrap();
    let (public, private) = bench.recovery_key();
    let data = bench.text("data");
    let file = bench.text("one.backup");
    bench.backup("one.backup");
    fs::create_dir(bench.path("copies")).unwrap();
    bench.ends(0, &["ledger", "copy", "--data", &data, "--out", &bench.text("copies")]);
    assert_eq!(copies(bench.path("copies")), 1);
    let outliving = bench.text("outliving.ledger");
    let told = bench.ends(0, &["ledger", "copy", "--data", &data, "--out", &outliving, "--recovery-key", &public]);
    assert!(told.contains("outlives every roll"), "{told}");
    assert!(bench.client("data", &["destroy", &id]).status.success());
    roll(&bench);
    bench.stop();
    let verify = ["backup", "verify", &file, "--data", &data];
    bench.ends(0, &verify);
    bench.ends(1, &[&verify[..], &["--ledger", &outliving]].concat());
    let made = bench.ends(1, &[&verify[..], &["--ledger", &outliving, "--recovery-private-key", &private]].concat());
    assert!(made.contains("made without a recovery key"), "the backup has no part for it: {made}");
    let plain = bench.ends(1, &["backup", "--data", &data, "--out", &file]);
    assert!(plain.contains("not overwritten"), "{plain}");
}
