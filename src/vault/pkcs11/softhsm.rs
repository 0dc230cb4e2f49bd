//! SoftHSM2 for tests, each in a process of its own: the module has one context for each process, and finds its tokens
//! by an environment variable. Without SoftHSM2 the tests say so and pass.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use super::{Canary, Hsm, Pkcs11Root, RootFile, Settings, TokenChoice};
use crate::base::Pin;
use crate::crypto::random::SystemEntropy;

const MODULES: [&str; 4] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];
const DIRECTORY: &str = "KEYHAVEN_TEST_TOKEN";

/// A token of its own for one test.
pub(crate) struct Bench {
    pub(crate) directory: PathBuf,
    pub(crate) module: PathBuf,
}

/// Runs the body in a process of its own, with a fresh token. `test` is the full name of the calling test.
pub(crate) fn in_token(test: &str, body: impl FnOnce(&Bench)) {
    let Some(module) = MODULES.iter().map(PathBuf::from).find(|path| path.exists()) else {
        println!("skipped: SoftHSM2 is not installed");
        return;
    };
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return body(&Bench { directory: directory.into(), module });
    }
    let directory = tempfile::tempdir().unwrap();
    let tokens = directory.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let configuration = directory.path().join("softhsm2.conf");
    let text = format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", tokens.display());
    std::fs::write(&configuration, text).unwrap();
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", "keyhaven test", "--so-pin", "12345678", "--pin", "1234"])
        .env("SOFTHSM2_CONF", &configuration)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env("SOFTHSM2_CONF", &configuration)
        .env(DIRECTORY, directory.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{text}\n{}", String::from_utf8_lossy(&run.stderr));
    assert!(text.contains("1 passed"), "{test} is not the name of a test: {text}");
}

impl Bench {
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            module: self.module.clone(),
            token: TokenChoice::Label("keyhaven test".into()),
            workers: 2,
            queue_max: 4,
            deadline: Duration::from_secs(20),
            deadline_generate: Duration::from_secs(60),
            omit: Vec::new(),
        }
    }

    pub(crate) fn open(&self, canary: Option<Canary>) -> Hsm {
        Hsm::open(self.settings(), &Pin::new("1234".into()), canary).unwrap()
    }

    pub(crate) fn with_canary(&self) -> Hsm {
        let hsm = self.open(None);
        hsm.make_canary([7; 8]).unwrap();
        hsm
    }

    /// Takes the token away, or brings it back.
    pub(crate) fn take_away(&self) {
        std::fs::rename(self.directory.join("tokens"), self.directory.join("away")).unwrap();
    }

    pub(crate) fn bring_back(&self) {
        std::fs::rename(self.directory.join("away"), self.directory.join("tokens")).unwrap();
    }

    pub(crate) fn root(&self) -> Pkcs11Root {
        let path = self.directory.join("root.key");
        if !path.exists() {
            Pkcs11Root::create(&self.open(None), &path, &SystemEntropy).unwrap();
        }
        let file = RootFile::open(&path).unwrap();
        let hsm = Arc::new(self.open(Some(file.canary.clone())));
        Pkcs11Root::new(hsm, &path, file, Box::new(SystemEntropy))
    }
}
