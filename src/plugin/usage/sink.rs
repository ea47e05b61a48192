//! A sink: an interface through which code reaches files, the network, programs, variables or services.

use super::origin::{Origin, Root};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Act {
    /// Reads files.
    Read,
    /// Writes, moves or removes files.
    Write,
    /// Asks another computer.
    Fetch,
    /// Waits for others to connect.
    Listen,
    /// Reads variables of the environment.
    Env,
    /// Runs a program.
    Run,
    /// Uses a service of the platform.
    Service,
    /// Calls another plugin.
    Invoke,
    /// Runs text as code, or loads a module by a computed name.
    Code,
    /// Changes what other code is given.
    Patch,
    /// Decodes a long text that is written in the code.
    Decode,
    /// Has a name that looks like another.
    Disguise,
}

/// By which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Way {
    /// Through what the platform gives to handlers and controls.
    Platform,
    /// Through a module of node.
    Module,
    /// Through the environment: `fetch`, `process.env`.
    Global,
    /// Through a package that is not looked at.
    Package,
    /// Through the platform's own insides.
    Inside,
}

/// A sink, and which argument says what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sink {
    pub(crate) act: Act,
    pub(crate) way: Way,
    pub(crate) argument: Option<usize>,
    /// The program, where it is always the same.
    pub(crate) program: Option<&'static str>,
}

/// What calling a value does; two things for what copies and moves.
pub(crate) fn called(origin: &Origin) -> Vec<Sink> {
    let path = origin.path();
    match &origin.root {
        Root::Builtin(module) => builtin(module, &path),
        Root::Context => context(&path),
        Root::Platform(package) => platform(package, &path),
        Root::Outside(package) => outside(package, &path),
        Root::Global => global(&path),
        _ => Vec::new(),
    }
}

fn one(act: Act, way: Way, argument: Option<usize>) -> Vec<Sink> {
    vec![Sink { act, way, argument, program: None }]
}

fn git(way: Way) -> Vec<Sink> {
    vec![Sink { act: Act::Run, way, argument: None, program: Some("git") }]
}

fn builtin(module: &str, path: &[&str]) -> Vec<Sink> {
    let Some(name) = path.last() else { return Vec::new() };
    let way = Way::Module;
    match module.split('/').next().unwrap_or(module) {
        "fs" if path.len() == 1 => files(name, way),
        "child_process" if *name != "ChildProcess" && path.len() == 1 => one(Act::Run, way, Some(0)),
        "http" | "https" | "http2" => match *name {
            "request" | "get" | "connect" if path.len() == 1 => one(Act::Fetch, way, Some(0)),
            "listen" | "createServer" | "createSecureServer" => one(Act::Listen, way, None),
            _ => Vec::new(),
        },
        "net" | "tls" => match *name {
            "connect" | "createConnection" => one(Act::Fetch, way, None),
            "createServer" => one(Act::Listen, way, None),
            _ => Vec::new(),
        },
        "dgram" if *name == "createSocket" => one(Act::Fetch, way, None),
        "dns" if path.len() == 1 => one(Act::Fetch, way, Some(0)),
        "vm" if path.len() == 1 => one(Act::Code, way, Some(0)),
        "worker_threads" if *name == "Worker" => one(Act::Code, way, Some(0)),
        "cluster" if matches!(*name, "fork" | "setupPrimary") => one(Act::Run, way, None),
        "inspector" if path.len() == 1 => one(Act::Code, way, None),
        "module" if matches!(*name, "_load" | "register" | "runMain" | "_compile") => {
            one(Act::Code, way, Some(0))
        }
        "wasi" => one(Act::Code, way, None),
        "sqlite" if *name == "DatabaseSync" => one(Act::Write, way, Some(0)),
        _ => Vec::new(),
    }
}

/// What a function of the module `fs`, or of one that looks like it, does.
fn files(name: &str, way: Way) -> Vec<Sink> {
    let name = name.strip_suffix("Sync").unwrap_or(name);
    let sink = |act, argument| Sink { act, way, argument: Some(argument), program: None };
    match name {
        "readFile" | "createReadStream" | "readdir" | "opendir" | "stat" | "lstat" | "access" | "exists"
        | "realpath" | "readlink" | "open" | "watch" | "watchFile" | "glob" | "openAsBlob" | "statfs"
        | "pathExists" | "readJson" | "readJSON" | "readFileBuffer" | "readdirWithStats" => {
            vec![sink(Act::Read, 0)]
        }
        "writeFile" | "appendFile" | "createWriteStream" | "mkdir" | "mkdtemp" | "rm" | "rmdir"
        | "unlink" | "chmod" | "chown" | "lchown" | "utimes" | "lutimes" | "truncate" | "writeJson"
        | "writeJSON" | "outputFile" | "outputJson" | "ensureDir" | "ensureFile" | "remove" | "emptyDir" => {
            vec![sink(Act::Write, 0)]
        }
        "copyFile" | "cp" | "link" | "symlink" | "copy" => vec![sink(Act::Read, 0), sink(Act::Write, 1)],
        "rename" | "move" => vec![sink(Act::Write, 0), sink(Act::Write, 1)],
        _ => Vec::new(),
    }
}

fn context(path: &[&str]) -> Vec<Sink> {
    let way = Way::Platform;
    match path {
        ["runtime", "env"] => one(Act::Env, way, Some(0)),
        ["runtime", "fetch"] => one(Act::Fetch, way, Some(0)),
        ["runtime", "fs", name] => files(name, way),
        ["api", "shell", "exec"] => one(Act::Run, way, Some(0)),
        ["api", "invoke", "call"] => one(Act::Invoke, way, Some(0)),
        [
            "api" | "platform",
            "logger" | "lifecycle" | "events" | "eventBus" | "analytics" | "config" | "logs",
            ..,
        ] => Vec::new(),
        ["api" | "platform", service, _] if *service != "artifacts" => one(Act::Service, way, Some(0)),
        _ => Vec::new(),
    }
}

fn platform(package: &str, path: &[&str]) -> Vec<Sink> {
    match (package, path) {
        (_, ["useEnv"]) => one(Act::Env, Way::Platform, Some(0)),
        (_, ["useLLM" | "useCache" | "useStorage" | "useVectorStore" | "useEmbeddings"]) => {
            one(Act::Service, Way::Platform, None)
        }
        ("@kb-labs/core-runtime", ["platform", ..] | ["initPlatform"]) => {
            one(Act::Service, Way::Inside, Some(0))
        }
        _ => Vec::new(),
    }
}

/// Packages whose purpose is known.
fn outside(package: &str, path: &[&str]) -> Vec<Sink> {
    let way = Way::Package;
    // What is done with a result is not what was asked for.
    if path.contains(&"()") {
        return Vec::new();
    }
    match package {
        "fs-extra" | "graceful-fs" => path.last().map(|name| files(name, way)).unwrap_or_default(),
        "execa" | "cross-spawn" | "shelljs" | "zx" | "tinyexec" | "nano-spawn" => one(Act::Run, way, Some(0)),
        "simple-git" => git(way),
        "axios" | "node-fetch" | "undici" | "got" | "ky" | "cross-fetch" | "needle" | "superagent" => {
            one(Act::Fetch, way, Some(0))
        }
        "ws" | "socket.io-client" | "openai" | "@anthropic-ai/sdk" | "@octokit/rest" | "@octokit/core" => {
            one(Act::Fetch, way, None)
        }
        "glob" | "globby" | "fast-glob" | "tinyglobby" => one(Act::Read, way, None),
        "rimraf" | "del" => one(Act::Write, way, Some(0)),
        "dotenv" => one(Act::Env, way, None),
        "vm2" | "isolated-vm" => one(Act::Code, way, None),
        _ => Vec::new(),
    }
}

fn global(path: &[&str]) -> Vec<Sink> {
    let way = Way::Global;
    match path {
        ["fetch"] => one(Act::Fetch, way, Some(0)),
        ["XMLHttpRequest" | "WebSocket" | "EventSource"] => one(Act::Fetch, way, Some(0)),
        ["eval" | "Function"] => one(Act::Code, way, Some(0)),
        ["process", "binding" | "_linkedBinding" | "dlopen" | "getBuiltinModule"] => {
            one(Act::Code, way, Some(0))
        }
        ["WebAssembly", "instantiate" | "compile" | "instantiateStreaming" | "Module"] => {
            one(Act::Code, way, None)
        }
        _ => Vec::new(),
    }
}

/// Whether calling a value turns encoded text into what it means.
pub(crate) fn decodes(origin: &Origin) -> bool {
    match (&origin.root, origin.path().as_slice()) {
        (Root::Global, ["atob" | "unescape" | "decodeURIComponent"] | ["Buffer", "from"]) => true,
        (Root::Global, ["String", "fromCharCode"]) => true,
        (Root::Builtin(module), ["Buffer", "from"]) => &**module == "buffer",
        (Root::Builtin(module), [name]) => {
            &**module == "zlib" && name.contains("nflate") || name.contains("unzip")
        }
        _ => false,
    }
}

/// How a value is called by people: `node:fs readFile`, `ctx.runtime.fetch`.
pub(crate) fn name(origin: &Origin) -> String {
    let keys = origin.keys.join(".");
    match &origin.root {
        Root::Builtin(module) => format!("node:{module} {keys}").trim_end().to_owned(),
        Root::Platform(package) | Root::Outside(package) => format!("{package} {keys}").trim_end().to_owned(),
        Root::Context => format!("ctx.{keys}"),
        _ => keys,
    }
}
