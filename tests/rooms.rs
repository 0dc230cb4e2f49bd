//! Holds the house to its plan: which room may use which, and the absences that no type can state. A file that breaks a
//! rule here is changed, or stands in a list below with the reason.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on ends")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The rooms and their floors. A room uses rooms of lower floors, never one above or beside it.
const ROOMS: &[(&str, u8)] = &[
    ("registry", 0),
    ("base", 1),
    ("ttlv", 2),
    ("model", 2),
    ("proto", 3),
    ("crypto", 3),
    ("store", 3),
    ("keep", 4),
    ("vault", 4),
    ("ops", 5),
    ("gate", 6),
    ("schedule", 7),
    ("backup", 7),
    ("serve", 8),
    ("cli", 9),
];

/// Where the bytes of keys, passwords and messages may be looked at: algorithms, seals and roots, the key-block reader
/// and writer, and the operations whose answer is such bytes.
const EXPOSES: &[&str] = &[
    "base/secret.rs",
    // Algorithms and key formats.
    "crypto/",
    // Sealing, opening, and copying a staged body.
    "keep/ledger.rs",
    "keep/mod.rs",
    "keep/rotation.rs",
    "keep/seal.rs",
    "keep/tally.rs",
    "keep/transaction.rs",
    "vault/",
    // Key blocks on the wire.
    "proto/objects.rs",
    "proto/wire.rs",
    // Opens a body for one use, or joins and splits data that is output of one.
    "ops/using/",
    "ops/symmetric.rs",
    "ops/encrypt.rs",
    "ops/decrypt.rs",
    "ops/mac.rs",
    "ops/rng_retrieve.rs",
    "ops/derive_key/",
    "ops/create_split_key.rs",
    "ops/join_split_key.rs",
    // Builds the body of a new object from generated or given bytes.
    "ops/fresh.rs",
    "ops/certificate.rs",
    "ops/pkcs12.rs",
    "ops/reprovision.rs",
    "ops/wrapping.rs",
    "ops/unwrapping.rs",
    // Hands the bytes of a key that is registered into the HSM over to it.
    "ops/resident.rs",
    // Whole messages that are kept for later, and memos of the server, which are sealed as they are.
    "keep/memo.rs",
    "keep/rolls.rs",
    "ops/asynchronous.rs",
    "ops/poll.rs",
    "ops/session.rs",
    "ops/pkcs11/",
    "gate/batch.rs",
    "gate/outbox.rs",
    "gate/jobs.rs",
    "gate/session_tests/",
    "serve/turned.rs",
    // The key of a backup, which its frames are sealed with.
    "backup/frames.rs",
    "backup/header.rs",
    // Secrets between their seal in the store and the frames of a ledger copy, whose key an epoch wraps.
    "backup/ledger/",
    // Passwords and other credentials of users; the client's own side of the wire.
    "gate/credentials/",
    "gate/users.rs",
    "cli/",
];

/// Who commits to a store, and how often in each file.
const COMMITS: &[(&str, usize, &str)] = &[
    ("keep/mod.rs", 1, "the commit of requests"),
    ("keep/rotation.rs", 1, "the steps of a rotation of the namespace key"),
    ("gate/mod.rs", 1, "the entry that says that the store was opened"),
    ("gate/open.rs", 1, "the namespace key of a new store, and its wrapping by another root"),
    ("gate/repair.rs", 2, "index rows that are made again, and the entry that says so"),
    (
        "backup/ledger/fill.rs",
        1,
        "secrets of a ledger copy, into a store that is being restored and has no journal yet",
    ),
    ("backup/restore.rs", 1, "what a backup leaves out for good is removed, before there is a journal"),
    ("gate/sweep.rs", 1, "a key that the vault has erased is forgotten, with its entry"),
];

/// Who may tell versions apart, beside `registry` and `proto`.
const VERSIONS: &[(&str, &str)] = &[
    ("model/attributes.rs", "the rows of the table say which objects an attribute has in 1.x"),
    ("model/refusal.rs", "reasons of 1.x and 2.x that no table maps"),
    ("ops/certify.rs", "1.x certifies public keys alone, and takes the ID Placeholder beside a request"),
    ("ops/certifying/", "1.0 requires the certificate request"),
    ("ops/change.rs", "1.x answers attribute changes in other words"),
    ("ops/create.rs", "1.x requires attributes that 2.x lets the server choose"),
    ("ops/create_key_pair.rs", "1.x requires attributes that 2.x lets the server choose"),
    ("ops/cx.rs", "error tables that changed their words, as rows"),
    ("ops/delete_attribute.rs", "1.x points by name and index, 2.x by value or reference"),
    ("ops/derive_key/method.rs", "1.x binds a request to the Cryptographic Parameters of the key"),
    ("ops/import.rs", "1.4 and 2.x require other attributes"),
    ("ops/modify_attribute.rs", "1.x points by index, 2.x by value"),
    ("ops/pkcs11/mod.rs", "3.0 echoes a correlation value that 2.1 leaves out"),
    ("ops/split_key.rs", "the field polynomial that 1.x and 2.x write down without a name for it"),
    ("ops/using/", "fields of answers that are there in some versions alone"),
    ("cli/import/", "the objects of other servers come in the form of any version"),
    ("cli/client/", "the client speaks every version, as proto does from the other side"),
];

/// Who may know the wall clock beside `serve` and `cli`: nothing that a request sees.
const CLOCKS: &[&str] = &[
    // How long the flusher gathers commits.
    "store/embedded/",
    // When a token that failed is tried again.
    "vault/pkcs11/",
];

struct Source {
    /// From `src`, with slashes.
    path: String,
    room: String,
    /// Without comments and tests.
    code: String,
    /// Without comments, tests only.
    tests: String,
}

impl Source {
    fn is(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path == *place || place.ends_with('/') && self.path.starts_with(place))
    }
}

fn floor(room: &str) -> Option<u8> {
    ROOMS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn without_comments(text: &str) -> String {
    text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line }).collect::<Vec<_>>().join("\n")
}

/// Every file below `src`. A file of tests is one that its parent includes under `cfg(test)` alone.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&root, &mut found);
    found.sort();
    let read = |path: &PathBuf| {
        let text = without_comments(&std::fs::read_to_string(path).unwrap());
        let path = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        let room = path.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        (path, room, text)
    };
    let all: Vec<_> = found.iter().map(read).collect();
    let tests: BTreeSet<String> = all
        .iter()
        .flat_map(|(path, _, text)| {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
            let stem = path.rsplit('/').next().unwrap().trim_end_matches(".rs").to_owned();
            let folder = if matches!(&*stem, "mod" | "lib" | "main") { folder } else { format!("{folder}/{stem}") };
            test_modules(text).into_iter().map(move |name| format!("{folder}/{name}"))
        })
        .collect();
    all.into_iter()
        .map(|(path, room, text)| {
            let is_test =
                tests.iter().any(|test| path.starts_with(&format!("{test}.")) || path.starts_with(&format!("{test}/")));
            let start = if is_test { 0 } else { text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len()) };
            Source { path, room, code: text[..start].to_owned(), tests: text[start..].to_owned() }
        })
        .collect()
}

/// The modules in files of their own that `cfg(test)` guards.
fn test_modules(text: &str) -> Vec<String> {
    let guarded = text.split("#[cfg(test)]").skip(1);
    guarded
        .filter_map(|rest| rest.lines().find(|line| !line.trim().is_empty()))
        .filter_map(|line| {
            line.trim().trim_start_matches("pub(crate) ").trim_start_matches("pub ").strip_prefix("mod ")
        })
        .filter_map(|rest| rest.strip_suffix(';').map(str::to_owned))
        .collect()
}

/// The first names of paths that begin with `crate::`, also inside braces.
fn used_rooms(code: &str) -> BTreeSet<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut used = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => {
                let (mut depth, mut start) = (0, true);
                for (at, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if start && depth == 0 && !c.is_whitespace() => {
                            used.insert(name(&group[at..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
            None => {
                used.insert(name(rest));
            }
        }
    }
    used
}

/// Whether the word stands in the code as a word.
fn has_word(code: &str, word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        !code[..at].chars().next_back().is_some_and(inside)
            && !code[at + word.len()..].chars().next().is_some_and(inside)
    })
}

/// Fails with every finding at once.
fn nothing(rule: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn a_room_uses_the_rooms_below_it() {
    let mut found = Vec::new();
    for source in sources() {
        if matches!(&*source.room, "lib" | "main") {
            continue;
        }
        let own = floor(&source.room).unwrap_or_else(|| panic!("{} is in no room of the plan", source.path));
        // Tests of a room live on its floor too: what needs more belongs above.
        for used in used_rooms(&source.code).into_iter().chain(used_rooms(&source.tests)) {
            match floor(&used) {
                _ if used == source.room => {}
                Some(other) if other < own => {}
                Some(_) => found.push(format!("{} ({}) uses {used}", source.path, source.room)),
                None => found.push(format!("{} uses crate::{used}, which is no room", source.path)),
            }
        }
        let depth = source.path.matches('/').count();
        let up = if source.path.ends_with("/mod.rs") { depth } else { depth + 1 };
        if source.code.contains(&"super::".repeat(up + 1)) || depth == 1 && up == 1 && climbs(&source.code) {
            found.push(format!("{} leaves its room by super::", source.path));
        }
    }
    nothing("rooms use lower rooms only", found);
}

/// Whether a room's root names a room by `super::` outside its inner modules.
fn climbs(code: &str) -> bool {
    code.lines()
        .filter(|line| line.starts_with("use super::"))
        .any(|line| floor(line[11..].split("::").next().unwrap()).is_some())
}

#[test]
fn only_serve_and_cli_know_the_runtime_sockets_and_the_clock() {
    const WORDS: &[&str] = &["tokio", "TcpListener", "TcpStream", "UdpSocket", "SystemTime", "Instant"];
    let outside = |source: &Source| !matches!(&*source.room, "serve" | "cli" | "main") && !source.is(CLOCKS);
    let found = sources()
        .iter()
        .filter(|source| outside(source))
        .flat_map(|source| {
            // `Instant` may be a value of the standard; the clock comes from std::time.
            let from_std = source.code.contains("std::time") || source.code.contains("time::Instant");
            let words = WORDS.iter().filter(move |word| **word != "Instant" || from_std);
            words.filter(|word| has_word(&source.code, word)).map(|word| format!("{} knows {word}", source.path))
        })
        .collect();
    nothing("the core has no runtime, sockets or wall clock", found);
}

#[test]
fn only_the_registry_spells_the_numbers_of_tags() {
    let spelt = |code: &str| {
        let code = code.to_ascii_lowercase().replace('_', "");
        code.match_indices("0x42")
            .any(|(at, _)| code[at + 4..].chars().take_while(char::is_ascii_hexdigit).count() == 4)
    };
    let found = sources()
        .iter()
        .filter(|source| source.room != "registry" && spelt(&source.code))
        .map(|source| source.path.clone())
        .collect();
    nothing("tag numbers are rows of the registry", found);
}

#[test]
fn bytes_of_keys_are_seen_in_few_places() {
    let found = sources()
        .iter()
        .filter(|source| source.code.contains(".expose()") && !source.is(EXPOSES))
        .map(|source| source.path.clone())
        .collect();
    nothing("only the listed files call expose()", found);
}

#[test]
fn one_place_commits_requests() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| source.room != "store") {
        let calls = source.code.matches("store.commit(").count() + source.code.matches("store().commit(").count();
        let allowed = COMMITS.iter().find(|(path, ..)| *path == source.path).map_or(0, |(_, count, _)| *count);
        if calls > allowed {
            found.push(format!("{} commits {calls} times, {allowed} are allowed", source.path));
        }
    }
    nothing("Keep::commit is the commit of requests", found);
}

#[test]
fn no_operation_knows_a_store_or_a_vault() {
    // Cx itself, and what is said of keys that a vault keeps.
    const CX: &[&str] =
        &["ops/cx.rs", "ops/resident.rs", "ops/using/token.rs", "ops/get.rs", "ops/wrapping.rs", "ops/unwrapping.rs"];
    const WORDS: &[&str] = &["Store", "KeyVault", "StoreError", "Commit", "Faults", "Memory", "Embedded"];
    let found = sources()
        .iter()
        .filter(|source| source.room == "ops" && !source.is(CX))
        .flat_map(|source| {
            let words = WORDS.iter().filter(|word| has_word(&source.code, word));
            let calls = [".store()", "vault::"].into_iter().filter(|call| source.code.contains(call));
            words.copied().chain(calls).map(|word| format!("{} names {word}", source.path)).collect::<Vec<_>>()
        })
        .collect();
    nothing("operations reach objects and keys through Cx", found);
}

#[test]
fn few_places_tell_versions_apart() {
    let compares = |code: &str| {
        let flat: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
        [".is_1x()", "< Version::V", "<= Version::V", "> Version::V", ">= Version::V"]
            .iter()
            .any(|one| flat.contains(one))
            || ["version < ", "version <= ", "version > ", "version >= ", "<= self.version", "<= cx.version"]
                .iter()
                .any(|one| flat.contains(one))
    };
    let allowed: Vec<&str> = VERSIONS.iter().map(|(path, _)| *path).collect();
    let found = sources()
        .iter()
        // The versions that `crypto` and `vault` see are those of certificates and wrapped keys.
        .filter(|source| !matches!(&*source.room, "registry" | "proto" | "crypto" | "vault") && compares(&source.code))
        .filter(|source| !source.is(&allowed))
        .map(|source| source.path.clone())
        .collect();
    nothing("versions are compared by tables and by proto", found);
}

#[test]
fn the_lists_name_files_that_exist() {
    let all = sources();
    let lists = COMMITS.iter().map(|(path, ..)| *path).chain(VERSIONS.iter().map(|(path, _)| *path));
    let missing = lists.filter(|path| !all.iter().any(|source| source.is(&[path]))).map(str::to_owned).collect();
    nothing("files of the lists are gone", missing);
}
