"""Recovery of damaged databases: kbsec beside the sqlite3 shell, on a matrix whose truth is known.

    KBSEC_DAMAGE_DIR=DIR KBSEC_DAMAGE_ROWS=60000 cargo test --lib write_the_damage_matrix -- --ignored
    python3 tests/bench/sqlite.py DIR [--kbsec PATH] [--sqlite PATH]… [--only d01,w02] [--output FILE]

Each cell has the rows that are right and in the right table; then, if there are any, +N rows in tables that the original
has not, as lost_and_found, !N rows that never were so, <N rows as they were before or after the state that is still
there, and ~N rows that had been deleted. Rows are compared by all their values, real numbers by their bits, and without
their rowids, which the shell does not keep. Wants the sqlite3 shell.
"""

import argparse
import collections
import dataclasses
import json
import os
import pathlib
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile

LIMIT = 600
# Tables in which SQLite keeps its own accounts.
INTERNAL = re.compile(r"sqlite_.*|.*_(data|idx|docsize|config)")


@dataclasses.dataclass
class Score:
    """How many rows came back."""

    right: int = 0
    lost: int = 0
    wrong: int = 0
    stale: int = 0
    deleted: int = 0
    elsewhere: int = 0

    def __str__(self):
        marks = [("+", self.elsewhere), ("!", self.wrong), ("<", self.stale), ("~", self.deleted)]
        return f"{self.right:,}" + "".join(f" {mark}{count:,}" for mark, count in marks if count)


def plain(value):
    """A value of truth.json as a value that compares like one of the database."""
    if isinstance(value, dict):
        return ("r", value["r"]) if "r" in value else ("b", value["b"])
    return value


def read_value(value):
    """A value of the database in the same form. Texts come as bytes, because they need not be UTF-8."""
    kind, value = value
    if kind == "text":
        return value.decode("utf-8", "replace")
    if kind == "real":
        return ("r", struct.pack(">d", value).hex())
    if kind == "blob":
        return ("b", value.hex())
    return value


class Truth:
    """What `write_the_damage_matrix` knows."""

    def __init__(self, folder):
        truth = json.loads((folder / "truth.json").read_bytes())
        self.cases = truth["cases"]
        self.columns = truth["columns"]
        self.states = {
            int(state): {name: [self.values(row[1]) for row in rows] for name, rows in tables.items()}
            for state, tables in truth["states"].items()
        }
        self.ever = collections.defaultdict(set)
        for tables in self.states.values():
            for name, rows in tables.items():
                self.ever[name].update(rows)
        self.deleted = {self.values(row["values"]) for row in truth["deleted"]}

    @staticmethod
    def values(values):
        return tuple(plain(value) for value in values)

    def ideal(self, case):
        """The rows that are still there, counted by table."""
        about = self.cases[case]
        ideal = {}
        for name, rows in self.states[about["state"]].items():
            lost = set(about["lost"].get(name, ()))
            ideal[name] = collections.Counter(row for index, row in enumerate(rows) if index not in lost)
        return ideal

    def score(self, case, path):
        """Compares a recovered database with the rows that are still there."""
        ideal, score = self.ideal(case), Score()
        recovered = read_tables(path)
        for name, rows in ideal.items():
            found = recovered.pop(name, collections.Counter())
            right = found & rows
            score.right += right.total()
            score.lost += rows.total() - right.total()
            for row, count in (found - right).items():
                if row in self.deleted:
                    score.deleted += count
                elif row in rows or row not in self.ever[name]:
                    score.wrong += count
                else:
                    score.stale += count
        score.elsewhere = sum(rows.total() for name, rows in recovered.items() if not INTERNAL.fullmatch(name))
        return score


def read_tables(path):
    """The rows of every ordinary table, as counters."""
    connection = sqlite3.connect(path)
    connection.text_factory = bytes
    tables = {}
    names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0").fetchall()
    for (name,) in names:
        name = name.decode()
        quoted = '"' + name.replace('"', '""') + '"'
        columns = [row[1].decode() for row in connection.execute(f"PRAGMA table_xinfo({quoted})") if row[6] != 1]
        kinds = ", ".join('typeof("{0}"), "{0}"'.format(column.replace('"', '""')) for column in columns)
        rows = collections.Counter()
        try:
            for row in connection.execute(f"SELECT {kinds} FROM {quoted}"):
                pairs = zip((kind.decode() for kind in row[::2]), row[1::2])
                rows[tuple(read_value(pair) for pair in pairs)] += 1
        except sqlite3.Error as error:
            print(f"{path}: {name}: {error}", file=sys.stderr)
        tables[name] = rows
    connection.close()
    return tables


def run(argv, **more):
    """Runs a program to its end; `None` if it takes too long."""
    try:
        return subprocess.run(argv, capture_output=True, timeout=LIMIT, check=False, **more)
    except subprocess.TimeoutExpired:
        return None


def reload(shell, script, target):
    done = run([shell, str(target)], input=script)
    return "time-out" if done is None else None


def dump(shell, source, target, mended=False):
    """What the common advice does: `.dump`, then a new database from it. Mended, its ROLLBACK is a COMMIT."""
    done = run([shell, str(source), ".dump"])
    if done is None:
        return "time-out"
    script = done.stdout
    if mended:
        script = re.sub(rb"^ROLLBACK;.*$", b"COMMIT;", script, flags=re.M)
    return reload(shell, script, target)


def recover(shell, source, target):
    # Without this table, which Debian and Ubuntu leave out, the command fails in its first line.
    if run([shell, ":memory:", "SELECT count(*) FROM sqlite_dbpage"]).returncode != 0:
        return "not there"
    done = run([shell, str(source), ".recover"])
    if done is None:
        return "time-out"
    return reload(shell, done.stdout, target)


def kbsec(program, source, target):
    done = run([program, "sqlite", "recover", str(source), "-o", str(target)])
    if done is None:
        return "time-out"
    if done.returncode not in (0, 1, 3):
        return f"failed: exit code {done.returncode}"
    return None


def methods(arguments):
    """The columns: a name and a function of the damaged and the new file."""
    columns = []
    for shell in arguments.sqlite or [shutil.which("sqlite3")]:
        if shell is None:
            continue
        version = run([shell, "--version"]).stdout.decode().split()[0]
        columns += [
            (f"{version} .dump", lambda source, target, shell=shell: dump(shell, source, target)),
            (f"{version} .dump, COMMIT", lambda source, target, shell=shell: dump(shell, source, target, mended=True)),
            (f"{version} .recover", lambda source, target, shell=shell: recover(shell, source, target)),
        ]
    if arguments.kbsec:
        program = os.path.abspath(arguments.kbsec)
        columns.append(("kbsec", lambda source, target: kbsec(program, source, target)))
    return columns


def copy(folder, case, to):
    """A copy of the files of a case, because the shell changes what it opens."""
    to.mkdir()
    for end in ("", "-wal", "-shm", "-journal"):
        source = folder / f"{case}.db{end}"
        if source.exists():
            shutil.copy(source, to)
    return to / f"{case}.db"


def measure(folder, case, truth, columns):
    cells = []
    for _, method in columns:
        with tempfile.TemporaryDirectory() as scratch:
            scratch = pathlib.Path(scratch)
            source, target = copy(folder, case, scratch / "evidence"), scratch / "new.db"
            fault = method(source, target)
            if fault:
                cells.append(fault)
            else:
                target.touch()
                cells.append(str(truth.score(case, target)))
    return cells


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="the folder with the damage matrix")
    parser.add_argument("--kbsec", help="the program to compare")
    parser.add_argument("--sqlite", action="append", help="a sqlite3 shell instead of that of the system; repeatable")
    parser.add_argument("--only", help="cases, with commas between them")
    parser.add_argument("--output", type=argparse.FileType("w"), default=sys.stdout)
    arguments = parser.parse_args()
    truth, columns = Truth(arguments.folder), methods(arguments)
    cases = arguments.only.split(",") if arguments.only else list(truth.cases)
    lines = [["case", "damage", "still there", *(name for name, _ in columns)]]
    lines.append(["---", "---", *["---:"] * (len(columns) + 1)])
    for line in lines:
        print("| " + " | ".join(line) + " |", file=arguments.output)
    for case in cases:
        there = sum(rows.total() for rows in truth.ideal(case).values())
        cells = measure(arguments.folder, case, truth, columns)
        line = [case, truth.cases[case]["title"], f"{there:,}", *cells]
        print("| " + " | ".join(line) + " |", file=arguments.output, flush=True)


if __name__ == "__main__":
    main()
