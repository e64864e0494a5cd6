//! Runs the verification kits of `docs/verify` over vectors, each in its own language.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::vectors::{self, Vector};

#[expect(unreachable_pub, reason = "readers copy it into a crate of theirs")]
#[path = "../../../../docs/verify/rust/verify.rs"]
mod verify;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kit {
    Node,
    Python,
    Go,
    Java,
    Php,
    Ruby,
    Rust,
    CSharp,
}

/// What a kit made of vectors: how many it read, or in words where it differs.
pub(crate) type Outcome = Result<String, String>;

impl Kit {
    /// Runs the kit over the vectors, in a directory of this name.
    pub(crate) fn check(self, name: &str, vectors: &[Vector]) -> Outcome {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{self:?}-{name}"));
        fs::create_dir_all(&scratch).unwrap();
        let (json, tsv) = (scratch.join("vectors.json"), scratch.join("vectors.tsv"));
        fs::write(&json, vectors::json(vectors)).unwrap();
        fs::write(&tsv, vectors::tsv(vectors)).unwrap();
        match self {
            Self::Node => outcome(command("node").arg(kit("node/check.mjs")).arg(json)),
            Self::Python => outcome(command("python3").arg(kit("python/check.py")).arg(json)),
            Self::Go => {
                let program = scratch.join("check");
                built(go().arg(&program).args([kit("go/verify.go"), kit("go/check.go")]));
                outcome(command(program).arg(json))
            }
            Self::Java => {
                built(command("javac").arg("-d").arg(&scratch).args(java_files()));
                outcome(command("java").arg("-cp").arg(scratch).arg("Check").arg(tsv))
            }
            Self::Php => outcome(command("php").arg(kit("php/check.php")).arg(json)),
            Self::Ruby => outcome(command("ruby").arg(kit("ruby/check.rb")).arg(json)),
            Self::Rust => rust(&json),
            Self::CSharp => {
                let program = scratch.join("check.exe");
                let out = format!("-out:{}", program.display());
                built(command("mcs").arg(out).args([kit("csharp/Verify.cs"), kit("csharp/Check.cs")]));
                outcome(command("mono").arg(program).arg(tsv))
            }
        }
    }
}

/// Go without modules, with its cache below ours.
fn go() -> Command {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go");
    let mut go = command("go");
    go.env("HOME", &home).env("GOCACHE", home.join("cache")).env("GOPATH", home.join("path"));
    go.env("GO111MODULE", "off").env("GOFLAGS", "").env("CGO_ENABLED", "0").args(["build", "-o"]);
    go
}

fn java_files() -> [PathBuf; 2] {
    [kit("java/Verify.java"), kit("java/Check.java")]
}

/// The kit in Rust is part of this program, and reads the file as the others do.
fn rust(file: &Path) -> Outcome {
    #[derive(serde::Deserialize)]
    struct Read {
        vectors: Vec<One>,
    }
    #[derive(serde::Deserialize)]
    struct One {
        name: String,
        verdict: String,
        now: i64,
        secret: String,
        headers: HashMap<String, String>,
        body: String,
    }
    let Read { vectors } = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let mut differences = String::new();
    for One { name, verdict, now, secret, headers, body } in &vectors {
        let good = verify::verify(secret, headers, &STANDARD.decode(body).unwrap(), *now);
        let got = if good { "accept" } else { "refuse" };
        if got != verdict {
            differences += &format!("{name}: should {verdict}, but {got}\n");
        }
    }
    if differences.is_empty() { Ok(format!("{} vectors\n", vectors.len())) } else { Err(differences) }
}

fn kit(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/verify").join(file)
}

fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// Waits for a compiler, which must be content.
fn built(compiler: &mut Command) {
    let output = run(compiler);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn outcome(program: &mut Command) -> Outcome {
    let output = run(program);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

pub(crate) fn run(program: &mut Command) -> Output {
    program.output().unwrap_or_else(|error| {
        let name = program.get_program().to_string_lossy();
        panic!("{name} must be installed for this test, as ./scripts/test does: {error}");
    })
}
