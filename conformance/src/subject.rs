//! The server under test. `KEYHAVEN_SUBJECT=host:port` with `KEYHAVEN_PKI=dir` names one that runs already;
//! otherwise `KEYHAVEN_BIN`, or the program in the target directory of the running test, is started.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Result;
use crate::client::{Client, Settings, TlsVersions};
use crate::identity::Identity;

/// How long a server may take to be ready or to end, at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that answers, and the certificates to reach it.
#[derive(Debug)]
pub struct Subject {
    host: String,
    kmip: u16,
    pki: PathBuf,
    own: Option<Own>,
}

/// What belongs to a server that we started.
#[derive(Debug)]
struct Own {
    program: PathBuf,
    data: TempDir,
    https: u16,
    admin: u16,
    extra: Vec<String>,
    child: Option<Child>,
    issuing: Mutex<()>,
}

impl Subject {
    /// The running server that the environment names, else a server of our own.
    pub fn new() -> Result<Self> {
        match std::env::var("KEYHAVEN_SUBJECT") {
            Ok(address) => Self::running(&address),
            Err(_) => Self::start(&[]),
        }
    }

    /// A server that runs already, at `host:port`; its certificates are in `KEYHAVEN_PKI`.
    fn running(address: &str) -> Result<Self> {
        let (host, port) = address.rsplit_once(':').ok_or("KEYHAVEN_SUBJECT is not host:port")?;
        let kmip = port.parse().map_err(|_| "KEYHAVEN_SUBJECT has no port".to_owned())?;
        let pki = std::env::var("KEYHAVEN_PKI").map_err(|_| "KEYHAVEN_PKI is not set".to_owned())?.into();
        Ok(Self { host: host.to_owned(), kmip, pki, own: None })
    }

    /// Starts a new server in a new directory; `extra` arguments go to `serve`.
    pub fn start(extra: &[&str]) -> Result<Self> {
        let program = program()?;
        let data = TempDir::new().map_err(|error| format!("no temporary directory: {error}"))?;
        let directory = data.path().join("data");
        run(&program, &["init", "--host", "localhost", "--host", "127.0.0.1"], &directory)?;
        let pki = directory.join("pki");
        if !pki.join("ca.pem").exists() {
            return Err(format!("`{} init` made no pki/ca.pem", program.display()));
        }
        let [kmip, https, admin] = free_ports()?;
        let own = Own {
            program,
            data,
            https,
            admin,
            extra: extra.iter().map(|&word| word.to_owned()).collect(),
            child: None,
            issuing: Mutex::new(()),
        };
        let mut subject = Self { host: "localhost".to_owned(), kmip, pki, own: Some(own) };
        subject.resume()?;
        Ok(subject)
    }

    /// Starts the server again on the same data and the same ports, and waits until it is ready.
    pub fn resume(&mut self) -> Result<()> {
        self.begin()?;
        let admin = self.own.as_ref().ok_or("gone")?.admin;
        let end = Instant::now() + PATIENCE;
        while !ready(admin) {
            let own = self.own.as_mut().ok_or("gone")?;
            let ended = own.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if ended.is_some() || Instant::now() > end {
                return Err(format!("the server is not ready (ended: {ended:?}); its log ends: {}", self.log()));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Starts the server again and does not wait for it.
    pub fn begin(&mut self) -> Result<()> {
        let kmip = self.kmip;
        let own = self.own.as_mut().ok_or("only a server of our own can be restarted")?;
        let log = |name: &str| {
            let path = own.data.path().join(name);
            File::options().append(true).create(true).open(path).map_err(|error| format!("no log file: {error}"))
        };
        let address = |port: u16| format!("127.0.0.1:{port}");
        let child = Command::new(&own.program)
            .arg("serve")
            .arg("--data")
            .arg(own.data.path().join("data"))
            .args(["--listen", &address(kmip), "--https", &address(own.https), "--admin", &address(own.admin)])
            .args(&own.extra)
            .stdin(Stdio::null())
            .stdout(log("stdout")?)
            .stderr(log("stderr")?)
            .spawn()
            .map_err(|error| format!("{} does not start: {error}", own.program.display()))?;
        own.child = Some(child);
        Ok(())
    }

    /// Whether the server is a program of ours, so that it can be stopped and can issue certificates.
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Ends the server at once, as a crash does (SIGKILL).
    pub fn kill(&mut self) -> Result<()> {
        let child = self.child()?;
        child.kill().map_err(|error| format!("kill: {error}"))?;
        child.wait().map_err(|error| format!("wait: {error}"))?;
        Ok(())
    }

    /// Asks the server to end (SIGTERM); the caller waits with [`Subject::ended`].
    pub fn terminate(&mut self) -> Result<()> {
        signal(self.process()?, "TERM")
    }

    /// The process of a server of our own.
    pub fn process(&self) -> Result<u32> {
        let child = self.own.as_ref().and_then(|own| own.child.as_ref());
        child.map(Child::id).ok_or_else(|| "no server of our own runs".to_owned())
    }

    /// Waits until the server has ended by itself.
    pub fn ended(&mut self) -> Result<ExitStatus> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child()?.try_wait().map_err(|error| format!("wait: {error}"))? {
                return Ok(status);
            }
            if Instant::now() > end {
                return Err(format!("the server does not end; its log ends: {}", self.log()));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The last lines of what the server wrote.
    pub fn log(&self) -> String {
        let Some(own) = &self.own else { return String::new() };
        let mut text = String::new();
        for name in ["stdout", "stderr"] {
            let all = std::fs::read_to_string(own.data.path().join(name)).unwrap_or_default();
            let lines: Vec<&str> = all.lines().collect();
            for line in &lines[lines.len().saturating_sub(12)..] {
                text.push_str("\n  ");
                text.push_str(line);
            }
        }
        text
    }

    /// The port of KMIP over TLS.
    pub fn kmip_port(&self) -> u16 {
        self.kmip
    }

    /// The port of KMIP over HTTPS, of a server of our own.
    pub fn https_port(&self) -> Option<u16> {
        self.own.as_ref().map(|own| own.https)
    }

    /// Where the server's certificates are.
    pub fn pki(&self) -> &Path {
        &self.pki
    }

    /// An identity of this name, issued at its first use. A server that is not ours has those it has, and the
    /// administrator stands in for the others.
    pub fn identity(&self, name: &str) -> Result<Identity> {
        let clients = self.pki.join("clients");
        let certificate = clients.join(format!("{name}.pem"));
        if let Some(own) = &self.own {
            let _one_at_a_time = own.issuing.lock().map_err(|_| "another test failed while issuing".to_owned())?;
            if !certificate.exists() {
                run(&own.program, &["cert", "issue", name], &own.data.path().join("data"))?;
            }
        } else if !certificate.exists() {
            return Identity::load(&clients, "admin");
        }
        Identity::load(&clients, name)
    }

    /// Runs another command of the server's program on its data, for example to add a user.
    pub fn command(&self, arguments: &[&str]) -> Result<String> {
        let own = self.own.as_ref().ok_or("only a server of our own takes commands")?;
        run(&own.program, arguments, &own.data.path().join("data"))
    }

    /// Runs a command of the server's program on its data and kills it after this time, if it still runs then.
    pub fn interrupt(&self, arguments: &[&str], after: Duration) -> Result<()> {
        let own = self.own.as_ref().ok_or("only a server of our own takes commands")?;
        let mut command = Command::new(&own.program);
        command.args(arguments).arg("--data").arg(own.data.path().join("data"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("{arguments:?}: {error}"))?;
        thread::sleep(after);
        child.kill().map_err(|error| format!("kill: {error}"))?;
        child.wait().map(drop).map_err(|error| format!("wait: {error}"))
    }

    /// A directory that lives as long as the server of our own.
    pub fn scratch(&self) -> Result<&Path> {
        self.own.as_ref().map(|own| own.data.path()).ok_or_else(|| "only a server of our own has one".to_owned())
    }

    /// A plain TCP connection to the KMIP port.
    pub fn tcp(&self) -> Result<TcpStream> {
        self.tcp_to(self.kmip)
    }

    /// A plain TCP connection to another port of the server.
    pub fn tcp_to(&self, port: u16) -> Result<TcpStream> {
        let host = if self.own.is_some() { "127.0.0.1" } else { &self.host };
        TcpStream::connect((host, port)).map_err(|error| format!("connect: {error}"))
    }

    /// A connection as `identity`, or without a certificate.
    pub fn connect(&self, identity: Option<&Identity>, versions: TlsVersions) -> Result<Client> {
        self.connect_with(&self.settings(identity, versions)?)
    }

    /// Settings for several connections, which may resume each other's sessions.
    pub fn settings(&self, identity: Option<&Identity>, versions: TlsVersions) -> Result<Settings> {
        Settings::new(&self.pki.join("ca.pem"), identity, versions)
    }

    /// A connection with these settings.
    pub fn connect_with(&self, settings: &Settings) -> Result<Client> {
        Client::connect(self.tcp()?, &self.host, settings)
    }

    /// A connection as the identity of this name.
    pub fn client(&self, name: &str) -> Result<Client> {
        self.connect(Some(&self.identity(name)?), TlsVersions::Any)
    }

    fn child(&mut self) -> Result<&mut Child> {
        self.own.as_mut().and_then(|own| own.child.as_mut()).ok_or_else(|| "no server of our own runs".to_owned())
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Runs a command of the program on a data directory; its output.
fn run(program: &Path, arguments: &[&str], data: &Path) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .arg("--data")
        .arg(data)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{} does not start: {error}", program.display()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(format!("`{} {}`: {}: {}", program.display(), arguments.join(" "), output.status, text(&output.stderr)))
}

/// Sends a signal, by its name without SIG, to a process of ours.
pub fn signal(process: u32, name: &str) -> Result<()> {
    let status = Command::new("kill")
        .args(["-s", name, &process.to_string()])
        .status()
        .map_err(|error| format!("kill: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("kill -s {name} failed")) }
}

/// The program under test. Without `KEYHAVEN_BIN` it is built first, so that it is never older than the tests.
fn program() -> Result<PathBuf> {
    if let Ok(path) = std::env::var("KEYHAVEN_BIN") {
        return Ok(path.into());
    }
    static BUILT: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut built = BUILT.lock().map_err(|_| "another test failed while building".to_owned())?;
    if let Some(path) = &*built {
        return Ok(path.clone());
    }
    let own = std::env::current_exe().map_err(|error| format!("where am I: {error}"))?;
    let profile = own.ancestors().nth(2).ok_or("the test is not in a target directory")?;
    if let Ok(cargo) = std::env::var("CARGO") {
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--package", "keyhaven", "--bin", "keyhaven"]);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let status = build.status().map_err(|error| format!("cargo: {error}"))?;
        if !status.success() {
            return Err("the server does not build".to_owned());
        }
    }
    let path = profile.join(format!("keyhaven{}", std::env::consts::EXE_SUFFIX));
    if !path.exists() {
        return Err(format!("no program at {}; set KEYHAVEN_BIN or KEYHAVEN_SUBJECT", path.display()));
    }
    *built = Some(path.clone());
    Ok(path)
}

/// Ports that nobody listens on now. All are held until the last is found, so they differ.
pub fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| format!("no port: {error}"))?;
        *port = listener.local_addr().map_err(|error| format!("no port: {error}"))?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// Whether `/readyz` answers 200.
fn ready(admin: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, admin)) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let request = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    if stream.write_all(request.as_bytes()).is_err() {
        return false;
    }
    let mut answer = String::new();
    let _ = stream.take(4096).read_to_string(&mut answer);
    answer.starts_with("HTTP/1.1 200")
}
