"""The part of the comparison that is about the history of repositories: scans, searches, and how time grows."""

import pathlib
import re
import subprocess

import inputs
from measure import Job, Table, measure, show_bytes, show_time

FLOOR = "git cat-file, every object"
PICKAXE = "git log --all -S"
# Commits of the generated repository.
COMMITS = 8000
# The programs that need seconds are measured in every run, without a first one to warm up.
LONG = {"runs": 3, "long": True}


def git(repository, *arguments, **options):
    said = subprocess.run(["git", "-C", str(repository), *arguments], check=True, capture_output=True, **options)
    return said.stdout.decode("utf-8", "replace")


def repositories(programs, given, commits):
    """Those that were given and the generated one, each with its name."""
    found = [(name_of(path), pathlib.Path(path).resolve()) for path in given]
    return [*found, (f"generated, {commits:,} commits", generated(programs, commits))]


def name_of(path):
    """`redis` for `…/redis`, `…/redis.git`, `…/redis/.git` and `…/redis/repo`."""
    path = pathlib.Path(path).resolve()
    name = path.name if path.name not in (".git", "repo", "repo.git") else path.parent.name
    return name.removesuffix(".git")


def generated(programs, commits):
    return inputs.long_history(programs.cache / f"history-{commits}", commits)


def sizes(repository):
    """Objects, bytes of the packs, and bytes of all objects in full."""
    listed = git(repository, "cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectsize)")
    counts = dict(line.split(": ") for line in git(repository, "count-objects", "-v").splitlines())
    expanded = [int(line) for line in listed.split() if line.isdigit()]
    return len(expanded), int(counts["size-pack"]) * 1024, sum(expanded)


def scans(programs, given, commits):
    tables = []
    programs.compile_kingfisher_rules()
    for name, repository in repositories(programs, given, commits):
        objects, packed, expanded = sizes(repository)
        whole, missing = inputs.without_gaps(repository, programs.cache / "without-gaps" / f"{name_of(repository)}.git")
        table = Table(
            f"History: {name}, {objects:,} objects, {show_bytes(packed)} packed, {show_bytes(expanded)} in full",
            "kbsec and kingfisher read every object, betterleaks the changes that git prints of all commits that refs "
            "reach." + f" {missing} files are absent from the clone; betterleaks sees them empty." * bool(missing),
        )
        programs.kbsec(table, ["--history", repository])
        programs.kingfisher(table, [repository, "--git-history", "full"], **LONG)
        programs.betterleaks(table, ["git", whole], **LONG)
        read = ["git", "-C", str(repository), "cat-file", "--batch-all-objects", "--batch", "--unordered"]
        table.add(Job(FLOOR, read, mute=True, **LONG))
        tables.append(table.measure())
    return tables


def searches(programs, given, commits):
    tables = []
    if not programs.has_find():
        print("  this kbsec has no command `find`", flush=True)
        return []
    for name, repository in repositories(programs, given, commits):
        whole, _ = inputs.without_gaps(repository, programs.cache / "without-gaps" / f"{name_of(repository)}.git")
        value = needle(repository)
        file = programs.cache / "needle.txt"
        file.write_text(value, "utf-8")
        table = Table(f"Search of a history: {name}", f"For a word of its newest files, of {len(value)} letters.")
        always = [repository, "--value-file", file]
        programs.find(table, [*always, "--pickaxe-compatible"], label="kbsec")
        programs.find(table, always, label="kbsec, every place in every encoding")
        log = ["git", "-C", str(whole), "log", "--all", f"-S{value}", "--format=%H"]
        table.add(Job(PICKAXE, log, **LONG))
        tables.append(table.measure())
    return tables


def needle(repository):
    """The longest word of a file of HEAD, which the history has touched rather than every version has."""
    for path in git(repository, "ls-tree", "-r", "--name-only", "HEAD").splitlines():
        if re.search(r"\.(c|go|rs|py|ts|md)$", path):
            words = re.findall(r"[A-Za-z_]{8,40}", git(repository, "cat-file", "blob", f"HEAD:{path}"))
            if words:
                return max(words, key=len)
    return "needle"


def curve(programs, commits):
    """Times of kbsec while the history doubles, as text: the change of a commit stays, the bytes in full grow."""
    lines = ["### Growth: a history that doubles", ""]
    lines += ["Every commit adds ten lines to one of eight files; packed with depth 50 and window 10.", ""]
    lines += ["| commits | packed | in full | in full / packed | kbsec | git cat-file | packed / s | in full / s |"]
    lines += ["|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for count in commits:
        repository = generated(programs, count)
        _, packed, expanded = sizes(repository)
        kbsec = Job("kbsec", [programs.paths["kbsec"], "scan", "--history", str(repository)], (0, 1, 3), programs.runs)
        read = ["git", "-C", str(repository), "cat-file", "--batch-all-objects", "--batch", "--unordered"]
        floor = Job(FLOOR, read, mute=True, **LONG)
        measure([kbsec, floor])
        if kbsec.fault or floor.fault:
            lines.append(f"| {count:,} | {kbsec.fault or floor.fault} | | | | | | |")
            continue
        cells = [f"{count:,}", show_bytes(packed), show_bytes(expanded), f"{expanded / packed:.0f} ×"]
        cells += [show_time(kbsec.median), show_time(floor.median)]
        cells += [show_bytes(packed / kbsec.median), show_bytes(expanded / kbsec.median)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
