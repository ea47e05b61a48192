"""The comparison: kbsec beside its peers on the same inputs, printed as Markdown. Started by run.sh."""

import argparse
import os
import pathlib
import platform
import shutil
import subprocess

import findings
import history
import inputs
from measure import Job, Table, measure, show_bytes, show_time

PROGRAMS = ("kbsec", "kingfisher", "betterleaks", "ripsecrets", "rg")
FLOOR = "rg -uu -c zzzz (the floor)"
PARTS = ("hook", "tree", "dense", "line", "start", "size", "history", "curve", "find", "findings")
ROOT = pathlib.Path(__file__).resolve().parents[2]


class Programs:
    """What is installed. Each command does its scan without the network, and prints what it prints by default."""

    def __init__(self, arguments):
        self.runs, self.cache = arguments.runs, arguments.cache
        self.paths = {name: getattr(arguments, name) for name in PROGRAMS}
        self.rules = self.cache / "kingfisher-rules"

    def run(self, table, label, name, argv, codes, **options):
        """Adds a job to the table; a program that is absent has a row that says so."""
        path = self.paths[name]
        options.setdefault("runs", self.runs)
        job = Job(label, [path, *map(str, argv)], codes, **options)
        table.add(job if path else Job(label, [], fault="not installed"))

    def kbsec(self, table, argv, label="kbsec", **options):
        self.run(table, label, "kbsec", ["scan", *argv], (0, 1, 3), **options)

    def find(self, table, argv, label, **options):
        self.run(table, label, "kbsec", ["find", *argv], (0, 1, 3), **options)

    def kingfisher(self, table, argv, label="kingfisher", **options):
        always = ["scan", *argv, "--no-update-check", "-n", "--rule-cache-dir", self.rules]
        self.run(table, label, "kingfisher", always, (0, 200), **options)

    def betterleaks(self, table, argv, **options):
        self.run(table, "betterleaks", "betterleaks", [*argv, "--no-banner"], (0, 1), **options)

    def ripsecrets(self, table, argv, **options):
        self.run(table, "ripsecrets", "ripsecrets", argv, (0, 1), **options)

    def has_find(self):
        path = self.paths["kbsec"]
        return bool(path) and subprocess.run([path, "find", "--help"], capture_output=True, check=False).returncode == 0

    def compile_kingfisher_rules(self):
        """Fills its cache, for those of its runs that have none before them to do so."""
        if self.paths["kingfisher"]:
            nothing = self.cache / "nothing.txt"
            nothing.write_text("nothing\n", "utf-8")
            table = Table("")
            self.kingfisher(table, [nothing], runs=0)
            measure(table.jobs)

    def forget_kingfisher_rules(self):
        shutil.rmtree(self.rules, ignore_errors=True)


def hook(programs):
    repo = inputs.big_repository(programs.cache / "big-repository")
    staged = subprocess.run(
        ["git", "-C", str(repo), "diff", "--cached", "--name-only"], check=True, capture_output=True, text=True
    ).stdout.split()
    table = Table(
        "Hook: ten staged files in a repository of 100 000",
        "Cold means that the program's own cache of rules was removed before each run; kbsec has none. ripsecrets "
        "knows no index: it gets the ten paths, as the pre-commit framework would give them.",
    )
    programs.kbsec(table, ["--staged"], cwd=repo)
    programs.kingfisher(table, [".", "--staged"], cwd=repo, label="kingfisher, warm")
    cold = {"runs": min(3, programs.runs), "before": programs.forget_kingfisher_rules}
    programs.kingfisher(table, [".", "--staged"], cwd=repo, label="kingfisher, cold", **cold)
    programs.betterleaks(table, ["git", "--staged", "."], cwd=repo)
    programs.ripsecrets(table, ["--strict-ignore", *staged], cwd=repo)
    return [table.measure()]


def trees(programs, folders):
    tables = []
    for folder in folders:
        name = pathlib.Path(folder).resolve().name
        copy, count, size = inputs.plain_copy(folder, programs.cache / "trees" / name)
        table = Table(
            f"Working tree: {name}, {count:,} files, {show_bytes(size)}",
            "A copy without the repository, so that all are given the same files; kingfisher leaves out lock files and "
            "some other types by its own choice.",
        )
        programs.kbsec(table, ["."], cwd=copy)
        if (pathlib.Path(folder) / ".git").exists():
            programs.kbsec(table, ["."], label="kbsec, in the repository itself", cwd=folder)
        programs.kingfisher(table, ["."], cwd=copy)
        programs.betterleaks(table, ["fs", "."], cwd=copy)
        programs.ripsecrets(table, ["."], cwd=copy)
        programs.run(table, FLOOR, "rg", ["-uu", "-c", "zzzz", "."], (0, 1), cwd=copy)
        tables.append(table.measure())
    return tables


def dense(programs):
    """Seconds of the worst mix of every rule, without the start of the program; as text, worst first."""
    files = inputs.dense_files(ROOT / "rules" / "secrets", programs.cache / "dense")
    empty = programs.cache / "dense" / "empty.txt"
    empty.write_text("nothing\n", "utf-8")
    def scan(path):
        job = Job(path.name, [programs.paths["kbsec"], "scan", str(path)], (0, 1, 3), min(3, programs.runs))
        measure([job])
        return job

    start = scan(empty)
    worst = []
    for rule, paths in files.items():
        jobs = [scan(path) for path in paths]
        broken = [job.fault for job in jobs if job.fault]
        if broken:
            worst.append((float("inf"), rule, broken[0]))
            continue
        slowest = max(jobs, key=lambda job: job.median)
        worst.append((max(0.0, slowest.median - start.median), rule, slowest.name.split(".")[-2]))
    worst.sort(reverse=True)
    lines = [f"### Dense input: 200 KB of a rule's own anchors, {len(worst)} rules", ""]
    lines += [f"Start of the program ({show_time(start.median)}) subtracted; the ten slowest.", ""]
    lines += ["| rule | time | anchors |", "|---|--:|---|"]
    lines += [f"| {rule} | {show_time(seconds)} | {mix} |" for seconds, rule, mix in worst[:10]]
    return "\n".join(lines) + "\n", worst


def line(programs):
    path = inputs.long_line(programs.cache / "long-line.js")
    table = Table("One line of 200 MB")
    runs = min(3, programs.runs)
    programs.kbsec(table, [path], runs=runs)
    programs.kingfisher(table, [path], runs=1)
    programs.run(table, FLOOR, "rg", ["-uu", "-c", "zzzz", path], (0, 1), runs=runs)
    return [table.measure()]


def start(programs):
    version = Table("Start: `--version`")
    rules = Table("Start: list of the rules")
    runs = max(programs.runs, 11)
    for name in PROGRAMS[:4]:
        programs.run(version, name, name, ["--version"], (0,), runs=runs)
    programs.run(rules, "kbsec", "kbsec", ["rules", "list"], (0,), runs=runs)
    programs.run(rules, "kingfisher", "kingfisher", ["rules", "list", "--no-update-check"], (0,))
    programs.run(rules, "betterleaks", "betterleaks", ["config", "show", "ids"], (0,))
    return [version.measure(), rules.measure()]


def size(programs):
    lines = ["### Size", "", "| program | bytes of the binary |", "|---|--:|"]
    for name in PROGRAMS[:4]:
        path = programs.paths[name]
        lines.append(f"| {name} | {show_bytes(os.path.getsize(path)) if path else 'not installed'} |")
    return "\n".join([*lines, "", f"Cargo.lock of kbsec: {locked()} packages."]) + "\n"


def locked():
    return (ROOT / "Cargo.lock").read_text("utf-8").count("[[package]]")


def show_times(number):
    return f"{number:.1f} ×"


def goals(programs, tables, worst):
    """The numbers that the project has set itself, with what was measured."""
    rows = []

    def goal(text, value, limit, show):
        if value is not None:
            rows.append(f"| {text} | {show(limit)} | {show(value)} | {'met' if value <= limit else '**missed**'} |")

    def at_least(text, value, limit):
        if value is not None:
            rows.append(f"| {text} | ≥ {limit} × | {value:.1f} × | {'met' if value >= limit else '**missed**'} |")

    for table in tables:
        ours = table.result("kbsec")
        if not ours:
            continue
        peer = {name: table.result(name) for name in ("kingfisher", "betterleaks", "ripsecrets")}
        floor = table.result(FLOOR)
        if table.title.startswith("Hook"):
            goal("hook, time", ours.median, 0.050, show_time)
            goal("hook, memory", ours.peak, 30e6, show_bytes)
        elif table.title.startswith("Working tree"):
            name = table.title.split(":")[1].split(",")[0].strip()
            for other, limit in (("kingfisher", 5), ("betterleaks", 20), ("ripsecrets", 20)):
                at_least(f"{name}: faster than {other}", peer[other] and peer[other].median / ours.median, limit)
            rival = peer["kingfisher"]
            at_least(f"{name}: less memory than kingfisher", rival and rival.peak / ours.peak, 2)
            goal(f"{name}: time over ripgrep's", floor and ours.median / floor.median, 8, show_times)
        elif table.title.startswith("Start"):
            goal(table.title.lower(), ours.median, 0.010, show_time)
        elif table.title.startswith("History"):
            history_goals(table, ours, at_least)
        elif table.title.startswith("Search"):
            log = table.result(history.PICKAXE)
            at_least(f"{table.title}: faster than git", log and log.median / ours.median, 10)
        elif table.title.startswith("One line"):
            goal("one long line, memory", ours.peak, 60e6, show_bytes)
    if worst:
        goal(f"dense input, worst rule ({worst[0][1]})", worst[0][0], 0.100, show_time)
    if programs.paths["kbsec"]:
        goal("binary", os.path.getsize(programs.paths["kbsec"]), 15e6, show_bytes)
    goal("packages in Cargo.lock", locked(), 160, str)
    return "\n".join(["### Goals", "", "| what | goal | measured | |", "|---|--:|--:|---|", *rows]) + "\n"


def history_goals(table, ours, at_least):
    name = table.title.split(":")[1].split(",")[0].strip()
    peers = {label: table.result(label) for label in ("kingfisher", "betterleaks", history.FLOOR)}
    for label, limit in (("kingfisher", 10), ("betterleaks", 10), (history.FLOOR, 2)):
        at_least(f"history of {name}: faster than {label}", peers[label] and peers[label].median / ours.median, limit)
    rival = peers["kingfisher"]
    at_least(f"history of {name}: less memory than kingfisher", rival and rival.peak / ours.peak, 2)


def machine(programs):
    """Where and with what the numbers were made."""
    model = "unknown processor"
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as text:
            model = next((row.split(":")[1].strip() for row in text if row.startswith("model name")), model)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = []
    for name, path in programs.paths.items():
        if path:
            said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
            number = (said.stdout or said.stderr).strip().splitlines()
            versions.append(f"{name} {number[0].split(' ', 1)[-1] if number else 'unknown'}")
    system = f"{platform.system()} {platform.release()}, load {os.getloadavg()[0]:.1f} at the start"
    return f"{model}, {cores} cores, {system}. {'; '.join(versions)}. Medians of {programs.runs}.\n"


def measured(part, programs, arguments):
    if part == "tree":
        return trees(programs, arguments.trees)
    if part in ("history", "find"):
        tables = history.scans if part == "history" else history.searches
        return tables(programs, arguments.repository, arguments.commits)
    return globals()[part](programs)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trees", nargs="*", help="checked-out trees to scan")
    parser.add_argument("--repository", action="append", default=[], help="one whose history to scan; may be repeated")
    parser.add_argument("--commits", type=int, default=history.COMMITS, help="of the generated repository")
    parser.add_argument("--cache", type=pathlib.Path, required=True, help="folder for inputs and peers")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", action="append", choices=PARTS, help="only this part; may be repeated")
    parser.add_argument("--output", type=pathlib.Path, help="also write the tables to this file")
    for name in PROGRAMS:
        parser.add_argument(f"--{name}", help=f"path of {name}; left out means not installed")
    arguments = parser.parse_args()
    arguments.cache = arguments.cache.resolve()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    # Of a partial clone all shall see what is there, and none may fetch the rest.
    os.environ["GIT_NO_LAZY_FETCH"] = "1"
    programs = Programs(arguments)
    parts = arguments.only or PARTS
    written, tables, worst = [machine(programs)], [], []
    for part in parts:
        print(f"{part}:", flush=True)
        if part == "dense" and programs.paths["kbsec"]:
            text, worst = dense(programs)
            written.append(text)
        elif part == "size":
            written.append(size(programs))
        elif part == "curve":
            written.append(history.curve(programs, [arguments.commits // share for share in (8, 4, 2, 1)]))
        elif part == "findings":
            written.append(findings.compare(programs, arguments.repository))
        elif part != "dense":
            made = measured(part, programs, arguments)
            tables += made
            written += [table.markdown() for table in made]
    written.append(goals(programs, tables, worst))
    text = "\n".join(written)
    print("\n" + text)
    if arguments.output:
        arguments.output.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
