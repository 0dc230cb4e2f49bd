//! Damaged, foreign, full and interrupted stores, by the program as an operator runs it. Damage must be told, or be
//! where nothing is: it is never silent. `KEYHAVEN_DAMAGE_CASES` sets how many bits are flipped (default 40), and
//! `KEYHAVEN_ENGINE` the engine of the stores.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on ends")]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use keyhaven::store::{Embedded, EmbeddedOptions, EngineKind, Range, Store};
use serde_json::Value;

fn command(arguments: &[&str], data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyhaven"));
    command.args(arguments).arg("--data").arg(data).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

fn run(arguments: &[&str], data: &Path) -> Output {
    command(arguments, data).output().unwrap()
}

/// Runs a command that must end with this code, and gives what it wrote.
fn ends(code: i32, arguments: &[&str], data: &Path) -> String {
    let output = run(arguments, data);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    text
}

/// A running server on a data directory.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(data: &Path) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let child = command(&["serve", "--listen", &address], data).stderr(Stdio::null()).spawn().unwrap();
        let server = Self { child, address };
        let begun = Instant::now();
        while run(&["client", "--server", &server.address, "query"], data).status.code() != Some(0) {
            assert!(begun.elapsed() < Duration::from_secs(60), "the server is not ready");
            thread::sleep(Duration::from_millis(50));
        }
        server
    }

    fn client(&self, arguments: &[&str], data: &Path) -> Output {
        run(&[&["client", "--server", &self.address], arguments].concat(), data)
    }

    /// Ends as a stop of the machine's service does.
    fn stop(mut self) {
        let status = Command::new("kill").args(["-s", "TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(status.success() && self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A data directory whose server made a few objects, one of them long, and has stopped.
fn prepared() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    ends(0, &["init"], &data);
    let long = parent.path().join("long");
    fs::write(&long, (0..30_000_u32).map(|n| ((n * n) >> 7) as u8).collect::<Vec<_>>()).unwrap();
    // Twice, so that there is a snapshot of what the first run wrote.
    for turn in 0..2 {
        let server = Server::start(&data);
        for one in 0..4 {
            let name = format!("key-{turn}-{one}");
            assert!(server.client(&["create", "--name", &name, "--activate"], &data).status.success());
        }
        let register = ["register", "--type", "opaque", long.to_str().unwrap(), "--name", &format!("long-{turn}")];
        assert!(server.client(&register, &data).status.success());
        server.stop();
    }
    (parent, data)
}

/// Copies a data directory without the ballast.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else if path.is_file() && path.extension().is_none_or(|extension| extension != "ballast") {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// Everything that the database holds.
fn rows(data: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let store = data.join("store");
    let engine = EngineKind::found(&store).unwrap();
    let options = EmbeddedOptions { engine, ballast_bytes: 0, free_bytes_min: 0, ..EmbeddedOptions::new(store) };
    let found = Embedded::open(options).unwrap().scan(Range { start: b"", end: &[0xFF] }, usize::MAX, false).unwrap();
    found.into_iter().map(|(key, read)| (key, read.value.unwrap())).collect()
}

/// SplitMix64: the same numbers in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((mixed ^ (mixed >> 27)) % end as u64) as usize
    }
}

/// What is done to the bytes of a file.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Bit,
    ThreeBits,
    Zeros,
    Half,
    Empty,
    Gone,
}

fn harm(path: &Path, harm: Harm, dice: &mut Dice) {
    let mut bytes = fs::read(path).unwrap();
    // The database is allotted ahead; its end is empty.
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1).max(1);
    let flips = match harm {
        Harm::Bit => 1,
        Harm::ThreeBits => 3,
        _ => 0,
    };
    if bytes.is_empty() {
        bytes.push(0);
    }
    for _ in 0..flips {
        bytes[dice.below(used)] ^= 1 << dice.below(8);
    }
    match harm {
        Harm::Bit | Harm::ThreeBits => {}
        Harm::Zeros => {
            let start = dice.below(used);
            let end = (start + 4096).min(bytes.len());
            bytes[start..end].fill(0);
        }
        Harm::Half => bytes.truncate(used / 2),
        Harm::Empty => bytes.clear(),
        Harm::Gone => return fs::remove_file(path).unwrap(),
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn damage_is_told_or_has_no_effect() {
    let (parent, data) = prepared();
    let sound: Value = serde_json::from_str(&ends(0, &["verify", "--json"], &data)).unwrap();
    let whole = rows(&data);
    let mut files = files_below(&data.join("store"));
    files.retain(|path| path.extension().is_none_or(|extension| extension != "ballast"));
    files.extend(["root.key", "store.witness"].map(|name| data.join(name)));
    let database = files.iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap().clone();

    let flips: usize = std::env::var("KEYHAVEN_DAMAGE_CASES").map_or(40, |text| text.parse().unwrap());
    let mut cases: Vec<(PathBuf, Harm)> = Vec::new();
    for case in 0..flips {
        let harm = if case % 2 == 0 { Harm::Bit } else { Harm::ThreeBits };
        // Most of what there is to lose is in the database.
        let file = if case % 4 == 3 { files[case / 4 % files.len()].clone() } else { database.clone() };
        cases.push((file, harm));
    }
    let cuts = [Harm::Zeros, Harm::Half, Harm::Empty, Harm::Gone];
    cases.extend(files.iter().flat_map(|file| cuts.map(|harm| (file.clone(), harm))));

    let mut dice = Dice(7);
    let (mut loud, mut none) = (0, 0);
    for (number, (file, kind)) in cases.iter().enumerate() {
        let hurt = parent.path().join("hurt");
        copy(&data, &hurt);
        harm(&hurt.join(file.strip_prefix(&data).unwrap()), *kind, &mut dice);
        let what = format!("case {number}: {kind:?} in {}", file.display());
        let output = run(&["verify", "--json"], &hurt);
        if output.status.code() == Some(0) {
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            for field in ["commit", "objects", "secrets", "index_rows", "audit_head", "audit_entries"] {
                assert_eq!(report[field], sound[field], "{what} is silent");
            }
            assert!(rows(&hurt) == whole, "{what} is silent: the rows are others");
            none += 1;
        } else {
            assert!(matches!(output.status.code(), Some(1 | 2 | 4)), "{what}: {output:?}");
            assert!(!(output.stdout.is_empty() && output.stderr.is_empty()), "{what}: no word");
            loud += 1;
        }
        fs::remove_dir_all(&hurt).unwrap();
    }
    println!("damage           {} cases: {loud} told, {none} without effect, 0 silent", cases.len());
    assert!(loud > 0);
}

#[test]
fn a_store_of_another_root_and_one_in_use_are_refused() {
    let (parent, data) = prepared();
    let other = parent.path().join("other");
    ends(0, &["init"], &other);
    let own = fs::read(data.join("root.key")).unwrap();
    fs::copy(other.join("root.key"), data.join("root.key")).unwrap();
    for verb in ["verify", "serve"] {
        let told = ends(1, &[verb], &data);
        assert!(told.contains("root"), "{verb}: {told}");
    }
    fs::write(data.join("root.key"), own).unwrap();
    // The whole store of another server, with this one's root.
    fs::rename(data.join("store"), parent.path().join("aside")).unwrap();
    assert!(ends(1, &["verify"], &data).contains("the store is new"));
    assert!(ends(1, &["serve"], &data).contains("store.witness"), "an empty store is no store");
    fs::remove_dir_all(data.join("store")).unwrap();
    fs::rename(parent.path().join("aside"), data.join("store")).unwrap();

    let server = Server::start(&data);
    for verb in [&["verify"][..], &["repair"], &["compact"], &["serve", "--listen", "127.0.0.1:0"]] {
        let told = ends(1, verb, &data);
        assert!(told.contains("in use by another process"), "{verb:?}: {told}");
    }
    server.stop();
    ends(0, &["verify"], &data);
}

#[test]
fn a_compaction_that_is_killed_leaves_a_whole_store() {
    let (_parent, data) = prepared();
    let sound: Value = serde_json::from_str(&ends(0, &["verify", "--json"], &data)).unwrap();
    let whole = rows(&data);
    let begun = Instant::now();
    ends(0, &["compact"], &data);
    let usual = begun.elapsed();
    let mut finished = 0;
    for turn in 0..12_u32 {
        let mut child =
            command(&["compact", "--json"], &data).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(usual * turn / 9);
        let _ = child.kill();
        finished += usize::from(child.wait().unwrap().success());
        assert!(rows(&data) == whole, "turn {turn}");
    }
    let report: Value = serde_json::from_str(&ends(0, &["compact", "--json"], &data)).unwrap();
    assert!(report["keys"].as_u64().unwrap() >= whole.len() as u64, "parts of long values are keys too: {report}");
    assert!(!data.join("store.compact").exists());
    let after: Value = serde_json::from_str(&ends(0, &["verify", "--json"], &data)).unwrap();
    assert_eq!((&after["commit"], &after["objects"]), (&sound["commit"], &sound["objects"]));
    println!("compact          12 kills, {finished} too late, 0 losses");
    let server = Server::start(&data);
    assert!(server.client(&["create", "--name", "afterwards"], &data).status.success());
    server.stop();
    ends(0, &["verify"], &data);
}

#[test]
fn a_migration_that_is_killed_leaves_a_whole_store_of_one_engine() {
    let (_parent, data) = prepared();
    let sound: Value = serde_json::from_str(&ends(0, &["verify", "--json"], &data)).unwrap();
    let whole = rows(&data);
    let configuration = data.join("keyhaven.toml");
    let say = |engine: EngineKind| {
        let text = fs::read_to_string(&configuration).unwrap();
        let line = |engine| format!("\nengine = \"{engine}\"\n");
        let other = EngineKind::ALL.into_iter().find(|other| *other != engine).unwrap();
        fs::write(&configuration, text.replace(&line(other), &line(engine))).unwrap();
    };
    let mut finished = 0;
    for turn in 0..10_u64 {
        let from = EngineKind::found(&data.join("store")).unwrap();
        let to = EngineKind::ALL.into_iter().find(|other| *other != from).unwrap();
        let migrate = ["store", "migrate", "--to", to.name(), "--json"];
        let mut child = command(&migrate, &data).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(turn * turn * 12));
        if turn < 9 {
            let _ = child.kill();
        }
        finished += usize::from(child.wait().unwrap().success());
        assert!(rows(&data) == whole, "turn {turn}");
    }
    let now = EngineKind::found(&data.join("store")).unwrap();
    let other = EngineKind::ALL.into_iter().find(|other| *other != now).unwrap();
    say(other);
    assert!(ends(1, &["verify"], &data).contains("keyhaven store migrate"), "the configuration names another engine");
    say(now);
    assert!(ends(2, &["store", "migrate", "--to", now.name()], &data).contains("already"));
    let after: Value = serde_json::from_str(&ends(0, &["verify", "--json"], &data)).unwrap();
    for field in ["commit", "objects", "secrets", "index_rows", "audit_head", "audit_entries"] {
        assert_eq!(after[field], sound[field]);
    }
    println!("migration        9 kills, {} too late, 0 losses", finished - 1);
    let server = Server::start(&data);
    assert!(server.client(&["create", "--name", "afterwards"], &data).status.success());
    server.stop();
    ends(0, &["verify"], &data);
}

/// A small file system of its own; unmounted at the end.
struct Disk(tempfile::TempDir);

impl Disk {
    /// None where this process may not mount.
    fn new(megabytes: u32) -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(disk.0.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(disk)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

/// Writes zeros until `left` bytes are free.
fn fill(path: &Path, left: u64) {
    let stat = rustix::fs::statvfs(path.parent().unwrap()).unwrap();
    let free = stat.f_bavail * stat.f_frsize;
    fs::write(path, vec![0; free.saturating_sub(left) as usize]).unwrap();
}

#[test]
fn a_full_disk_is_read_and_left_unharmed() {
    let Some(disk) = Disk::new(120) else { return eprintln!("skipped: this process may not mount a file system") };
    let data = disk.0.path().join("data");
    ends(0, &["init"], &data);
    let configuration = data.join("keyhaven.toml");
    let text = fs::read_to_string(&configuration).unwrap();
    let floor = |bytes: u64| {
        fs::write(&configuration, text.replace("free_bytes_min = 268435456", &format!("free_bytes_min = {bytes}")))
            .unwrap();
    };
    let filler = disk.0.path().join("filler");

    // Above the brim the store only reads, by its own choice, and goes on by itself.
    floor(8 << 20);
    let server = Server::start(&data);
    assert!(server.client(&["create", "--name", "first"], &data).status.success());
    fill(&filler, 6 << 20);
    thread::sleep(Duration::from_millis(1100));
    assert_eq!(server.client(&["create", "--name", "refused"], &data).status.code(), Some(1));
    assert!(server.client(&["locate", "--name", "first"], &data).status.success());
    fs::remove_file(&filler).unwrap();
    thread::sleep(Duration::from_millis(1100));
    assert!(server.client(&["create", "--name", "second"], &data).status.success());
    server.stop();

    // Without that floor the disk runs full: nothing that was acknowledged is lost, and the store opens while it is
    // full.
    floor(0);
    let server = Server::start(&data);
    fill(&filler, 64 << 10);
    let mut made = vec!["first".to_owned(), "second".to_owned()];
    for number in 0..400 {
        let name = format!("key-{number}");
        if !server.client(&["create", "--name", &name], &data).status.success() {
            break;
        }
        made.push(name);
    }
    assert!(made.len() < 400, "the disk did not fill");
    drop(server);
    let verified = run(&["verify"], &data);
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    fs::remove_file(&filler).unwrap();
    let server = Server::start(&data);
    for name in &made {
        let found = server.client(&["--json", "locate", "--name", name], &data);
        assert!(String::from_utf8_lossy(&found.stdout).contains('-'), "{name} is lost");
    }
    println!("full disk        {} objects were acknowledged, 0 lost", made.len());
    server.stop();
    ends(0, &["verify"], &data);
}
