//! Personas and rules that are scripts: one test a file and a version.

use std::path::Path;

use conformance::Result;
use conformance::play::play;
use conformance::script::Script;
use libtest_mimic::Trial;

use crate::{subject, trial};

/// A test for each file and version.
pub fn tests() -> Result<Vec<Trial>> {
    let mut tests = Vec::new();
    for (folder, kind) in [("personas", "persona"), ("rules", "rule")] {
        for (name, text) in files(folder)? {
            let script = Script::parse(&text).map_err(|error| format!("{folder}/{name}: {error}"))?;
            for version in script.versions() {
                let (script, name, version) = (script.clone(), name.clone(), version.to_owned());
                tests.push(trial(format!("{kind}::{name}@{version}"), move || {
                    // Versions run side by side: each has its own identity, so none sees the other's objects.
                    let identity = format!("{name}-{}", version.replace('.', "-"));
                    play(&*subject()?, &script, &identity, &version)
                }));
            }
        }
    }
    Ok(tests)
}

/// The XML files of a folder, by name.
pub fn files(folder: &str) -> Result<Vec<(String, String)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let words = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut files = Vec::new();
    for entry in folder.read_dir().map_err(words)? {
        let path = entry.map_err(words)?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_some_and(|extension| extension == "xml") {
            files.push((name, std::fs::read_to_string(&path).map_err(words)?));
        }
    }
    files.sort();
    Ok(files)
}
