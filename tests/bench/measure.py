"""Measurements: programs run several times in turn, with the median, the extremes and the peak memory of each."""

import dataclasses
import os
import shutil
import statistics
import subprocess
import tempfile
import time

GNU_TIME = shutil.which("time")


@dataclasses.dataclass
class Job:
    """A program to measure. `codes` are the exit codes that mean that the work was done; any other one is a fault, not
    a fast run. `before` is called before each run, which is then a first run; otherwise the first run is not counted.
    A `long` job has no such first run and none for the memory: each of its runs is measured in both ways. What a `mute`
    job prints, which may be gigabytes, goes to the null device.
    """

    name: str
    argv: list
    codes: tuple = (0,)
    runs: int = 5
    cwd: str = None
    before: callable = None
    long: bool = False
    mute: bool = False
    seconds: list = dataclasses.field(default_factory=list)
    peak: int = 0
    fault: str = ""

    @property
    def median(self):
        return statistics.median(self.seconds)

    def turn(self, number, out):
        """Does the run with this number, from 0 on, if there is such a run."""
        if self.fault or number > self.runs or (number == 0 and (self.before or self.long)):
            return
        if self.before:
            self.before()
        note = out + ".peak" if self.long and GNU_TIME else None
        seconds, code = once(timed(self.argv, note), self.cwd, os.devnull if self.mute else out)
        if code not in self.codes:
            self.fault = f"failed: exit code {code}{'' if self.mute else last_line(out)}"
            self.seconds = []
        elif number > 0:
            self.seconds.append(seconds)
            if note:
                self.peak = max(self.peak, noted_peak(note))

    def memory(self, out):
        if not self.fault and not self.peak:
            if self.before:
                self.before()
            self.peak = peak_memory(self.argv, self.cwd, os.devnull if self.mute else out)


def measure(jobs):
    """Runs all jobs in turn, so that a busy moment of the machine hits each of them."""
    with tempfile.TemporaryDirectory() as folder:
        # A file, because a program may take a short cut when it sees the null device.
        out = os.path.join(folder, "out")
        for number in range(max((job.runs for job in jobs), default=0) + 1):
            for job in jobs:
                job.turn(number, out)
        for job in jobs:
            job.memory(out)


def once(argv, cwd, out):
    """Wall time in seconds, and the exit code."""
    with open(os.devnull, "rb") as reader, open(out, "wb") as writer:
        start = time.perf_counter()
        done = subprocess.run(argv, cwd=cwd, stdin=reader, stdout=writer, stderr=writer)
        return time.perf_counter() - start, done.returncode


def peak_memory(argv, cwd, out):
    """Bytes of the largest process among the program and those that it starts.

    Linux carries the size of the starter over to the started program, so that whoever starts it must be tiny: GNU time
    is, Python is not. Without GNU time the number has a floor of about 10 MB.
    """
    if GNU_TIME:
        with tempfile.TemporaryDirectory() as folder:
            note = os.path.join(folder, "peak")
            once(timed(argv, note), cwd, out)
            return noted_peak(note)
    with open(os.devnull, "rb") as reader, open(out, "wb") as writer:
        child = subprocess.Popen(argv, cwd=cwd, stdin=reader, stdout=writer, stderr=writer)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_maxrss * 1024


def timed(argv, note):
    """The command, such that GNU time writes its peak memory to the file `note` if there is to be one."""
    return [GNU_TIME, "--quiet", "--format=%M", f"--output={note}", *argv] if note else argv


def noted_peak(note):
    with open(note, encoding="utf-8") as lines:
        return int(lines.read().split()[-1]) * 1024


def last_line(path):
    """What the program said last, for the reader of the table."""
    with open(path, "rb") as text:
        lines = text.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
    return f" ({lines[-1][:80]})" if lines else ""


class Table:
    """The jobs of one comparison; ratios are against the job named kbsec."""

    def __init__(self, title, note=""):
        self.title, self.note, self.jobs = title, note, []

    def add(self, job):
        self.jobs.append(job)

    def measure(self):
        print(f"  {self.title}", flush=True)
        measure([job for job in self.jobs if not job.fault])
        return self

    def result(self, name):
        found = [job for job in self.jobs if job.name == name and job.seconds]
        return found[0] if found else None

    def markdown(self):
        base = self.result("kbsec")
        lines = [f"### {self.title}", ""]
        if self.note:
            lines += [self.note, ""]
        lines += ["| program | median | min–max | peak memory | time / kbsec | memory / kbsec |"]
        lines += ["|---|--:|--:|--:|--:|--:|"]
        for job in self.jobs:
            if not job.seconds:
                lines.append(f"| {job.name} | {job.fault} | | | | |")
                continue
            span = f"{show_time(min(job.seconds))}–{show_time(max(job.seconds))}"
            times = f"{job.median / base.median:.1f} ×" if base else ""
            peaks = f"{job.peak / base.peak:.1f} ×" if base else ""
            cells = [job.name, show_time(job.median), span, show_bytes(job.peak), times, peaks]
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines) + "\n"


def show_time(seconds):
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def show_bytes(number):
    return f"{number / 1e6:.1f} MB"
