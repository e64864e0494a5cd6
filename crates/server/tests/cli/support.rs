//! A directory of its own for every test, and ways to run the executable in it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longer than anything takes, so that only a fault runs into it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A working directory and an environment.
pub(crate) struct Sandbox {
    directory: TempDir,
    environment: Vec<(String, String)>,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Asserts exit code 2 and one line on stderr that holds all of `words`.
    #[track_caller]
    pub(crate) fn is_trouble(&self, words: &[&str]) {
        assert_eq!(self.code, Some(2), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "one line: {self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is missing: {self:?}");
        }
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    /// Sets a variable for every command from now on.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.path(name), content).unwrap();
        self
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stayhook"));
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        command.args(args).current_dir(self.directory.path()).env_clear().envs(environment);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        ran(self.command(args).output().unwrap())
    }

    pub(crate) fn run_with_input(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        // A command that refuses its arguments reads nothing.
        let _ = child.stdin.take().unwrap().write_all(input);
        ran(child.wait_with_output().unwrap())
    }

    /// Starts `args`, which print that they are listening.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Self::started(self.command(args))
    }

    fn started(mut command: Command) -> Running {
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Running { child, lines, _stdin: stdin }
    }

    /// Starts a server on a free port.
    pub(crate) fn serve(&self, args: &[&str]) -> Server {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0"];
        all.extend(args);
        let running = self.start(&all);
        let address = running.listening();
        Server { running, address }
    }

    /// The same, at this log level, with the log in the file `server.log`.
    pub(crate) fn serve_logging(&self, level: &str, args: &[&str]) -> Server {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0", "--log", level];
        all.extend(args);
        let mut command = self.command(&all);
        command.stderr(std::fs::File::create(self.path("server.log")).unwrap());
        let running = Self::started(command);
        let address = running.listening();
        Server { running, address }
    }

    /// Makes a token with these scopes.
    pub(crate) fn token(&self, scopes: &str) -> String {
        let made = self.run(&["token", "create", "--name", "test", "--scopes", scopes]).exits(0);
        made.stdout.trim_end().to_owned()
    }
}

fn ran(output: std::process::Output) -> Ran {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A command that runs until it is told to stop.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    _stdin: Option<ChildStdin>,
}

impl Running {
    /// The next line on stdout.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line on stdout")
    }

    /// The address of a line that says `listening on http://…`.
    #[track_caller]
    pub(crate) fn listening(&self) -> String {
        let line = self.line();
        line.strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line}")).to_owned()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn wait(mut self) -> Ran {
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        let code = self.child.wait().unwrap().code();
        let mut stderr = String::new();
        if let Some(mut pipe) = self.child.stderr.take() {
            pipe.read_to_string(&mut stderr).unwrap();
        }
        let stdout: Vec<String> = self.lines.iter().collect();
        Ran { code, stdout: stdout.join("\n"), stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) running: Running,
    pub(crate) address: String,
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Server {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn call(&self, method: &str, path: &str, token: &str, body: &str) -> Answer {
        call(&self.address, method, path, token, body)
    }

    /// Registers a webhook for property 101 and returns its secret.
    pub(crate) fn register(&self, token: &str, url: &str) -> String {
        let body = format!(r#"{{"propertyId":101,"url":"{url}","events":["booking.*"]}}"#);
        let answer = self.call("POST", "/public/v1/webhooks", token, &body);
        assert_eq!(answer.status, 201, "{answer:?}");
        let secret = answer.body.split('"').find(|part| part.starts_with("whsec_"));
        secret.unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }

    pub(crate) fn stop(self) -> Ran {
        self.running.signal("-TERM");
        self.running.wait()
    }
}

/// One HTTP/1.1 call, without a library.
pub(crate) fn call(address: &str, method: &str, path: &str, token: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    Answer { status: head[9..12].parse().unwrap(), body: body.to_owned() }
}
