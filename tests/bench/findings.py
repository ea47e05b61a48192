"""What other scanners find in a history and kbsec does not, grouped by rule and redacted. Values stay in memory."""

import collections
import json
import os
import pathlib
import pty
import re
import subprocess
import tempfile
import threading
import tty

import inputs
from history import name_of

# Of two values that overlap, the shorter one needs so many letters to count as the same secret.
OVERLAP = 8
EXAMPLES = 3


class Found:
    """A secret that a peer reports: its rule, its value, and where it stands first."""

    def __init__(self, peer, rule, value, context, commit, path, line):
        self.peer, self.rule, self.value, self.context = peer, rule, tight(value), tight(context)
        self.commit, self.path, self.line = commit, path, line

    def redacted(self):
        """The kind of its signs, at most four letters of it and its length."""
        shape = "words" if re.fullmatch(r"[A-Za-z_ -]+", self.value) else "signs"
        return f"{self.value[:4] if len(self.value) >= 16 else '*'}… ({len(self.value)} {shape})"

    def place(self):
        return f"{self.commit[:10]}:{self.path}:{self.line}"


def tight(text):
    """A value without what differs by the way in which it was written: white space, and line ends within quotes."""
    return re.sub(r"\\[nr]|\s+", "", text)


def kbsec(program, repository):
    """Values of kbsec, and places (object, line); those that a comment allows are no findings. kbsec shows values on a
    terminal only, so this is one."""
    reader, writer = pty.openpty()
    tty.setraw(writer)
    told = []

    def read():
        while True:
            try:
                piece = os.read(reader, 1 << 16)
            except OSError:
                return
            if not piece:
                return
            told.append(piece)

    thread = threading.Thread(target=read)
    thread.start()
    argv = [program, "scan", "--history", str(repository), "--confidence", "low", "--no-config"]
    argv += ["-f", "jsonl", "--reveal"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.DEVNULL, check=False)
    os.close(writer)
    thread.join()
    if done.returncode not in (0, 1, 3):
        raise SystemExit(f"kbsec failed with exit code {done.returncode}")
    values, places = set(), set()
    for line in b"".join(told).splitlines():
        finding = json.loads(line)
        if finding["type"] != "finding":
            continue
        values.add(tight(finding.get("secret", {}).get("value", "")))
        for place in finding["locations"]:
            for row in range(place["start"]["line"], place["end"]["line"] + 1):
                places.add((place.get("object"), row))
    return values, places


def kingfisher(program, repository, cache):
    always = ["-n", "--no-update-check", "--git-history", "full", "--rule-cache-dir", str(cache / "kingfisher-rules")]
    for finding in report([program, "scan", str(repository), *always, "-f", "json"], (0, 200)):
        rule, finding = finding["rule"], finding["finding"]
        origin = finding.get("git_metadata", {})
        commit = origin.get("commit", {}).get("id", "")
        path = origin.get("file", {}).get("path") or finding.get("path", "")
        value = finding["snippet"]
        yield Found("kingfisher", rule["id"], value, value, commit, path, finding["line"])


def betterleaks(program, repository):
    for finding in report([program, "git", str(repository), "--no-banner"], (0, 1)):
        match, origin, place = finding["match"], finding["attributes"], finding["location"]
        where = (origin.get("git.sha", ""), place["path"], place["start_line"])
        yield Found("betterleaks", finding["rule_id"], match["value"], match["full"], *where)


def report(argv, codes):
    """The findings of a report in JSON that only its owner can read, and that is gone at once."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "report.json"
        done = subprocess.run([*argv, "-o", str(path)], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode not in codes:
            raise SystemExit(f"{argv[0]} failed with exit code {done.returncode}")
        return json.loads(path.read_text("utf-8"))["findings"]


def blobs(repository, found):
    """The ids of the files in which the secrets stand."""
    asked = "".join(f"{one.commit}:{one.path}\n" for one in found)
    said = subprocess.run(
        ["git", "-C", str(repository), "cat-file", "--batch-check=%(objectname)"],
        check=True, capture_output=True, input=asked.encode("utf-8", "surrogateescape"),
    )
    return said.stdout.decode("utf-8", "replace").splitlines()


def unknown(found, repository, values, places):
    """Those secrets that kbsec does not know, neither as a value or a part of one, nor by the place."""
    long = [value for value in values if len(value) >= OVERLAP]
    whole = "\n".join(long)
    for one, blob in zip(found, blobs(repository, found)):
        same = one.value in values or (len(one.value) >= OVERLAP and one.value in whole)
        if not same and (blob, one.line) not in places and not any(value in one.context for value in long):
            yield one


def compare(programs, given):
    """The differences for each repository, as text."""
    sections = []
    for path in given:
        repository, name = pathlib.Path(path).resolve(), name_of(path)
        print(f"  {name}", flush=True)
        values, places = kbsec(programs.paths["kbsec"], repository)
        found = []
        if programs.paths["kingfisher"]:
            found += kingfisher(programs.paths["kingfisher"], repository, programs.cache)
        if programs.paths["betterleaks"]:
            whole, _ = inputs.without_gaps(repository, programs.cache / "without-gaps" / f"{name}.git")
            found += betterleaks(programs.paths["betterleaks"], whole)
        sections.append(section(name, found, list(unknown(found, repository, values, places)), len(values)))
    return "\n".join(sections)


def section(name, found, lost, known):
    groups = collections.defaultdict(dict)
    for one in lost:
        groups[one.peer, one.rule].setdefault(one.value, one)
    total = collections.Counter(peer for peer, _ in {(one.peer, one.value) for one in found})
    told = ", ".join(f"{peer} {count}" for peer, count in sorted(total.items()))
    lines = [f"### Findings: {name}", "", f"Values: kbsec {known} (all confidences), {told}. Found by others only:", ""]
    lines += ["| program | rule | values | examples |", "|---|---|--:|---|"]
    for (peer, rule), values in sorted(groups.items(), key=lambda group: (group[0][0], -len(group[1]))):
        shown = "; ".join(f"{one.redacted()} {one.place()}" for one in list(values.values())[:EXAMPLES])
        lines.append(f"| {peer} | {rule} | {len(values)} | {shown} |")
    return "\n".join(lines) + "\n"
