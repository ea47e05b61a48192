"""Inputs that the benchmarks make: large repositories, dense files, one long line, a plain copy of a tree."""

import pathlib
import random
import re
import shutil
import subprocess
import tomllib
import zlib

WORDS = (
    "account adapter address archive audit balance batch billing buffer builder cache cart catalog channel client "
    "cluster codec config context cursor customer dispatch driver email engine event export factory filter format "
    "gateway handler header image import index ingest inventory invoice journal kernel layout ledger limit loader "
    "locale manifest mapper market message metric mirror module monitor notify order packet parser payment planner "
    "policy profile proxy query queue record region registry render report request resolver retry router runner "
    "schema search sender session shard shipping signal snapshot socket source storage stream tenant ticket tracker "
    "transport user vault vendor view wallet warehouse watcher webhook widget worker"
).split()

SHAPES = ("token", "assigned", "generic", "url", "pem", "jwt", "json", "regex")

LINES = {
    "ts": "export const {a}_{b} = ({c}: {A}) => {c}.{b}({n});",
    "py": "def {a}_{b}({c}): return {c}.{b}({n})",
    "rs": "pub fn {a}_{b}({c}: &{A}) -> usize {{ {c}.{b}({n}) }}",
    "go": "func {a}{B}({c} *{A}) int {{ return {c}.{B}({n}) }}",
    "json": '"{a}.{b}": {{"{c}": {n}}},',
    "md": "The {a} sends its {b} to the {c} at most {n} times.",
    "yaml": "{a}_{b}: {{ {c}: {n} }}",
}


def source_text(random_numbers, kind, lines):
    """Code-like text without any secret."""
    made = []
    for _ in range(lines):
        a, b, c, d = (random_numbers.choice(WORDS) for _ in range(4))
        names = {"a": a, "b": b, "c": c, "A": d.capitalize(), "B": b.capitalize()}
        made.append(LINES[kind].format(n=random_numbers.randrange(10000), **names))
    return "\n".join(made) + "\n"


def big_repository(folder, files=100_000, changed=10):
    """A checked-out repository with so many files, of which a few are changed and staged; made once."""
    folder = pathlib.Path(folder)
    if (folder / "ready").exists():
        return folder / "repo"
    shutil.rmtree(folder, ignore_errors=True)
    repo = folder / "repo"
    git = ["git", "-C", str(repo), "-c", "user.name=Ada Example", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(repo)], check=True)
    load = subprocess.Popen([*git, "fast-import", "--quiet"], stdin=subprocess.PIPE)
    numbers = random.Random(1)
    kinds = list(LINES)
    person = b"Ada Example <ada@example.org> 1767323045 +0000"
    load.stdin.write(b"commit refs/heads/main\ncommitter " + person + b"\ndata 5\nfirst\n")
    paths = []
    for number in range(files):
        kind = kinds[number % len(kinds)]
        group, part = WORDS[number % len(WORDS)], WORDS[number // len(WORDS) % len(WORDS)]
        path = f"services/{group}/src/{part}/{numbers.choice(WORDS)}_{number}.{kind}"
        text = source_text(numbers, kind, numbers.randrange(5, 40)).encode()
        load.stdin.write(f"M 100644 inline {path}\ndata {len(text)}\n".encode() + text + b"\n")
        paths.append(path)
    load.stdin.close()
    if load.wait() != 0:
        raise SystemExit("git fast-import failed; is the disk full?")
    subprocess.run([*git, "reset", "--quiet", "--hard"], check=True)
    for path in numbers.sample(paths, changed):
        with open(repo / path, "a", encoding="utf-8") as file:
            file.write(source_text(numbers, path.rsplit(".", 1)[1], 12))
        subprocess.run([*git, "add", path], check=True)
    (folder / "ready").touch()
    return repo


def long_history(folder, commits, files=8):
    """A bare repository with so many commits, each of which puts ten lines into one of a few files; made once.

    The change has always the same size, but the files grow: the bytes of all versions grow with the square of the
    number of commits. About every hundredth change brings a made-up key.
    """
    folder = pathlib.Path(folder)
    if (folder / "ready").exists():
        return folder / "repo.git"
    shutil.rmtree(folder, ignore_errors=True)
    repo = folder / "repo.git"
    git = ["git", "-C", str(repo), "-c", "pack.threads=2"]
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(repo)], check=True)
    load = subprocess.Popen([*git, "fast-import", "--quiet", "--depth=50"], stdin=subprocess.PIPE)
    numbers = random.Random(4)
    kinds = [kind for kind in LINES if kind != "json"]
    paths = [f"src/{word}/{word}.{kinds[index % len(kinds)]}" for index, word in enumerate(WORDS[:files])]
    texts = {path: bytearray(source_text(numbers, path.rsplit(".", 1)[1], 50).encode()) for path in paths}
    for number in range(commits):
        path = numbers.choice(paths)
        text, more = texts[path], source_text(numbers, path.rsplit(".", 1)[1], 10)
        if number % 97 == 0:
            more += "key = " + "AKIA" + "".join(numbers.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=16)) + "\n"
        at = text.find(b"\n", numbers.randrange(len(text))) + 1
        text[at:at] = more.encode()
        person = f"Ada Example <ada@example.org> {1500000000 + 600 * number} +0000"
        message = f"change {number}"
        load.stdin.write(f"commit refs/heads/main\ncommitter {person}\ndata {len(message)}\n{message}\n".encode())
        load.stdin.write(f"M 100644 inline {path}\ndata {len(text)}\n".encode() + text + b"\n")
    load.stdin.close()
    if load.wait() != 0:
        raise SystemExit("git fast-import failed; is the disk full?")
    subprocess.run([*git, "repack", "-q", "-adf", "--depth=50", "--window=10"], check=True)
    (folder / "ready").touch()
    return repo


def without_gaps(repository, folder):
    """The repository itself, or for a partial clone a copy that has empty files in the place of those that are missing.

    That is for programs that let git print every change, which git refuses as soon as a file is missing. Git believes
    the name under which a loose object lies, so that the stand-ins can have the names of the missing ones.
    """
    repository, folder = pathlib.Path(repository).resolve(), pathlib.Path(folder)
    listed = subprocess.run(
        ["git", "-C", str(repository), "rev-list", "--all", "--objects", "--missing=print"],
        check=True, capture_output=True,
    )
    missing = [line[1:].decode() for line in listed.stdout.splitlines() if line.startswith(b"?")]
    if not missing:
        return repository, 0
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
    common = subprocess.run(
        ["git", "-C", str(repository), "rev-parse", "--path-format=absolute", "--git-common-dir"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()
    (folder / "objects" / "info" / "alternates").write_text(f"{common}/objects\n", "utf-8")
    refs = subprocess.run(
        ["git", "-C", str(repository), "for-each-ref", "--format=create %(refname) %(objectname)"],
        check=True, capture_output=True,
    )
    subprocess.run(["git", "-C", str(folder), "update-ref", "--stdin"], check=True, input=refs.stdout)
    shutil.copyfile(pathlib.Path(common) / "HEAD", folder / "HEAD")
    for name in missing:
        place = folder / "objects" / name[:2] / name[2:]
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(zlib.compress(b"blob 0\0"))
    return folder, len(missing)


def plain_copy(tree, folder):
    """The tracked files of a work tree without its repository, so that all programs read the same; made once."""
    tree, copy = pathlib.Path(tree).resolve(), pathlib.Path(folder)
    if not copy.exists():
        if (tree / ".git").exists():
            copy.mkdir(parents=True)
            listed = subprocess.run(["git", "-C", str(tree), "ls-files", "-z"], check=True, capture_output=True)
            for name in listed.stdout.decode("utf-8", "surrogateescape").split("\0"):
                if name and (tree / name).is_file() and not (tree / name).is_symlink():
                    (copy / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(tree / name, copy / name)
        else:
            shutil.copytree(tree, copy, symlinks=True)
    sizes = [path.stat().st_size for path in copy.rglob("*") if path.is_file() and not path.is_symlink()]
    return copy, len(sizes), sum(sizes)


def long_line(path, size=200_000_000):
    """One line of minified code; made once."""
    path = pathlib.Path(path)
    if not path.exists() or path.stat().st_size != size:
        numbers = random.Random(2)
        piece = source_text(numbers, "ts", 20_000).replace("\n", "").encode()
        with open(path, "wb") as file:
            while file.tell() < size:
                file.write(piece[: size - file.tell()])
    return path


def anchors(rule):
    """The texts by which the detector finds a rule, read from its description."""
    shape = next((rule[name] for name in SHAPES if name in rule), {})
    found = [f"{word}_key = \"" for word in shape.get("words", [])]
    found += [f"{scheme}://user:" for scheme in shape.get("schemes", [])]
    found += [f"-----BEGIN {label}-----\n" for label in shape.get("labels", [])]
    found += shape.get("anchors", [])
    if "anchor" in shape:
        found += [shape["anchor"], "{" + shape["anchor"]]
    for text in shape.get("format", []):
        found += [before for before in literals(text) if len(before) > 1]
    if "jwt" in rule:
        found.append("eyJ")
    if "url" in rule and not shape.get("schemes"):
        found.append("https://user:")
    return found


def literals(text):
    """The literal beginnings of a token format: `gh{p|o}_{base62:36}` gives `ghp_` and `gho_`."""
    heads, done = [""], []
    for part in re.findall(r"\{[^}]*\}|[^{]+", text):
        if part.startswith("{") and "|" in part:
            heads = [head + choice for head in heads for choice in part[1:-1].split("|")]
        elif part.startswith("{"):
            done, heads = done + heads, [""]
        else:
            heads = [head + part for head in heads]
    return done + heads


def dense_files(rules_folder, folder, size=200_000):
    """For every rule, files full of its own anchors: bare, on lines of their own, and with something like a value."""
    folder = pathlib.Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made, numbers = {}, random.Random(3)
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    for file in sorted(pathlib.Path(rules_folder).glob("*.toml")):
        for rule in tomllib.loads(file.read_text("utf-8")).get("rule", []):
            found = anchors(rule)
            if not found:
                continue
            value = lambda: "".join(numbers.choices(alphabet, k=numbers.randrange(8, 60)))
            mixes = {
                "bare": lambda anchor: anchor,
                "lines": lambda anchor: anchor + "\n",
                "values": lambda anchor: anchor + value() + "\n",
            }
            for name, mix in mixes.items():
                path, length = folder / f"{rule['id']}.{name}.txt", 0
                with open(path, "w", encoding="utf-8") as out:
                    while length < size:
                        for anchor in found:
                            length += out.write(mix(anchor))
                made.setdefault(rule["id"], []).append(path)
    return made
