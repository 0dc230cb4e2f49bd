//! The server under test: one that runs already (`KEYHAVEN_SUBJECT=host:port`, `KEYHAVEN_PKI=dir`, and
//! `KEYHAVEN_SUBJECT_HTTPS=host:port` for the cases over HTTPS), or a process of our own for the whole run. With
//! `KEYHAVEN_TEST_ROOT=pkcs11` its root is in a token of SoftHSM2, which is made for it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Result;

/// How long the server may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many lines of the server's log a failure to start shows.
const LOG_LINES: usize = 12;

/// A server that answers.
#[derive(Debug)]
pub struct Subject {
    /// KMIP over TLS, as `host:port`.
    pub kmip: String,
    /// KMIP over HTTPS, as `host:port`, if it is known.
    pub https: Option<String>,
    /// The folder with `ca.pem` and `clients/`.
    pub pki: PathBuf,
    own: Option<Own>,
}

/// What belongs to a process of ours; it ends with this value.
#[derive(Debug)]
struct Own {
    program: Program,
    folder: TempDir,
    process: Child,
    issuing: Mutex<()>,
}

impl Subject {
    /// The server that the environment names, or a new one.
    pub fn new() -> Result<Self> {
        let Ok(kmip) = std::env::var("KEYHAVEN_SUBJECT") else {
            return Self::start();
        };
        let pki = std::env::var("KEYHAVEN_PKI").map_err(|_| "KEYHAVEN_SUBJECT is set, KEYHAVEN_PKI is not")?;
        Ok(Self { kmip, https: std::env::var("KEYHAVEN_SUBJECT_HTTPS").ok(), pki: pki.into(), own: None })
    }

    fn start() -> Result<Self> {
        let mut program = Program { path: program()?, environment: Vec::new() };
        let folder = TempDir::new().map_err(|error| format!("a temporary folder: {error}"))?;
        let data = folder.path().join("data");
        let mut init = vec!["init", "--host", "localhost"];
        let module;
        if std::env::var("KEYHAVEN_TEST_ROOT").is_ok_and(|root| root == "pkcs11") {
            program.environment = token(folder.path())?;
            module = module_of_softhsm()?;
            init.extend(["--root", "pkcs11", "--hsm-module", module, "--hsm-token", TOKEN]);
        }
        run(&program, &init, &data)?;
        // BL-M-15 to BL-M-21 of 3.0 know this user.
        let password = folder.path().join("password");
        fs::write(&password, "password\n").map_err(|error| format!("{}: {error}", password.display()))?;
        run(&program, &["user", "add", "administrator", "--password-file", &password.display().to_string()], &data)?;
        operators(&data.join("keyhaven.toml"))?;
        let [kmip, https, admin] = free_ports()?.map(|port| format!("127.0.0.1:{port}"));
        let log = |name: &str| File::create(folder.path().join(name)).map_err(|error| format!("{name}: {error}"));
        let process = program
            .command()
            .args(["serve", "--listen", &kmip, "--https", &https, "--admin", &admin, "--data"])
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(log("stdout")?)
            .stderr(log("stderr")?)
            .spawn()
            .map_err(|error| format!("{}: {error}", program.path.display()))?;
        let own = Own { program, folder, process, issuing: Mutex::new(()) };
        let mut subject = Self { kmip, https: Some(https), pki: data.join("pki"), own: Some(own) };
        subject.wait(&admin)?;
        Ok(subject)
    }

    fn wait(&mut self, admin: &str) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        while !is_ready(admin) {
            let own = self.own.as_mut().ok_or("no process")?;
            let ended = own.process.try_wait().map_err(|error| format!("the server: {error}"))?;
            if ended.is_some() || Instant::now() > end {
                let why = ended.map_or("is not ready".into(), |status| format!("ended, {status}"));
                return Err(format!("the server {why}; its log ends:\n{}", own.log()));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Makes sure that there is a certificate with this name, and gives the name to use: a server that is not ours and
    /// has no such certificate sees all cases as `admin`, so their fixed names may clash.
    pub fn identity(&self, name: &str) -> Result<String> {
        let exists = || self.pki.join("clients").join(format!("{name}.pem")).is_file();
        match &self.own {
            Some(own) => {
                let _one_at_a_time = own.issuing.lock().map_err(|_| "an issue of a certificate failed before")?;
                if !exists() {
                    run(&own.program, &["cert", "issue", name], &own.folder.path().join("data"))?;
                }
                Ok(name.into())
            }
            None => Ok(if exists() { name } else { "admin" }.into()),
        }
    }
}

impl Own {
    fn log(&self) -> String {
        let text = |name| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        let text = text("stdout") + &text("stderr");
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing left to do about a failure.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program, and the environment in which it finds its token.
#[derive(Debug)]
struct Program {
    path: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Program {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The label and the PIN of the token.
const TOKEN: &str = "kmip-spec-tests";
const PIN: &str = "1234";

/// Where systems have SoftHSM2.
const MODULES: [&str; 4] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

fn module_of_softhsm() -> Result<&'static str> {
    let found = MODULES.into_iter().find(|path| Path::new(path).exists());
    found.ok_or_else(|| "KEYHAVEN_TEST_ROOT is pkcs11, and SoftHSM2 is not installed".into())
}

/// Makes a token, and gives the environment in which it is found.
fn token(folder: &Path) -> Result<Vec<(&'static str, String)>> {
    let failed = |error: std::io::Error| format!("a token of SoftHSM2: {error}");
    let (tokens, config) = (folder.join("tokens"), folder.join("softhsm2.conf"));
    fs::create_dir(&tokens).map_err(failed)?;
    let text = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
    fs::write(&config, text).map_err(failed)?;
    let config = config.display().to_string();
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", TOKEN, "--so-pin", "12345678", "--pin", PIN])
        .env("SOFTHSM2_CONF", &config)
        .output()
        .map_err(failed)?;
    if !made.status.success() {
        return Err(format!("softhsm2-util: {}", String::from_utf8_lossy(&made.stderr)));
    }
    Ok(vec![("SOFTHSM2_CONF", config), ("KEYHAVEN_PIN", PIN.into())])
}

/// The program: `KEYHAVEN_BIN`, or what cargo builds beside this test.
fn program() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("KEYHAVEN_BIN") {
        return Ok(path.into());
    }
    let test = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
    let profile = test.ancestors().nth(2).ok_or("this program is not in a target folder")?;
    // Cargo does not build the program of another package for a test.
    if let Some(cargo) = std::env::var_os("CARGO") {
        let release = profile.ends_with("release").then_some("--release");
        let status = Command::new(cargo)
            .args(["build", "--quiet", "--package", "keyhaven", "--bin", "keyhaven"])
            .args(release)
            .status()
            .map_err(|error| format!("cargo: {error}"))?;
        if !status.success() {
            return Err("the server does not build".into());
        }
    }
    let path = profile.join(format!("keyhaven{}", std::env::consts::EXE_SUFFIX));
    if path.is_file() { Ok(path) } else { Err(format!("{} is not there; set KEYHAVEN_BIN", path.display())) }
}

/// The user of BL-M-15 to BL-M-21 makes users, which is for operators.
fn operators(config: &Path) -> Result<()> {
    let failed = |error: std::io::Error| format!("{}: {error}", config.display());
    let text = fs::read_to_string(config).map_err(failed)?;
    let text = text.replace("operators = [\"admin\"]", "operators = [\"admin\", \"administrator\"]");
    fs::write(config, text).map_err(failed)
}

fn run(program: &Program, arguments: &[&str], data: &Path) -> Result<()> {
    let words = format!("keyhaven {}", arguments.join(" "));
    let output = program
        .command()
        .args(arguments)
        .arg("--data")
        .arg(data)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{words}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("`{words}` failed, {}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// Ports that are free now; all are held until the last is known, so that they differ.
fn free_ports() -> Result<[u16; 3]> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| format!("a free port: {error}"));
    let listeners = [bind()?, bind()?, bind()?];
    let mut ports = [0; 3];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr().map_err(|error| format!("a free port: {error}"))?.port();
    }
    Ok(ports)
}

/// Whether `/readyz` answers 200.
fn is_ready(admin: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(admin)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(answer.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}
