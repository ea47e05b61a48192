"""One measurement: a program run several times, with the median, the extremes and the peak memory."""

import dataclasses
import os
import shutil
import statistics
import subprocess
import tempfile
import time

GNU_TIME = shutil.which("time")


@dataclasses.dataclass
class Result:
    """Seconds of each run and the peak memory in bytes; `fault` says why there are none."""

    seconds: list = dataclasses.field(default_factory=list)
    peak: int = 0
    code: int = 0
    fault: str = ""

    @property
    def median(self):
        return statistics.median(self.seconds)


def measure(argv, runs, codes, cwd=None, stdin=None, before=None, environment=None):
    """Runs `argv` `runs` times after one run that is not counted, unless `before` makes every run a first one.

    `codes` are the exit codes that mean the work was done; any other one is a fault, not a fast run.
    """
    environment = {**os.environ, **(environment or {})}
    result = Result()
    with tempfile.TemporaryDirectory() as folder:
        # A file, because a program may take a short cut when it sees the null device.
        out = os.path.join(folder, "out")
        for turn in range(runs + (0 if before else 1)):
            if before:
                before()
            seconds, code = once(argv, cwd, stdin, out, environment)
            if code not in codes:
                return Result(fault=f"failed: exit code {code}{last_line(out)}")
            result.code = code
            if before or turn > 0:
                result.seconds.append(seconds)
        if before:
            before()
        result.peak = peak_memory(argv, cwd, stdin, out, environment)
    return result


def once(argv, cwd, stdin, out, environment):
    """Wall time in seconds, and the exit code."""
    with open(stdin or os.devnull, "rb") as reader, open(out, "wb") as writer:
        start = time.perf_counter()
        done = subprocess.run(argv, cwd=cwd, stdin=reader, stdout=writer, stderr=writer, env=environment)
        return time.perf_counter() - start, done.returncode


def peak_memory(argv, cwd, stdin, out, environment):
    """Bytes of the largest process among the program and those that it starts.

    Linux carries the size of the starter over to the started program, so that whoever starts it must be tiny: GNU time
    is, Python is not. Without GNU time the number has a floor of about 10 MB.
    """
    if GNU_TIME:
        note = out + ".peak"
        once([GNU_TIME, "--quiet", "--format=%M", f"--output={note}", *argv], cwd, stdin, out, environment)
        with open(note, encoding="utf-8") as lines:
            return int(lines.read().split()[-1]) * 1024
    with open(stdin or os.devnull, "rb") as reader, open(out, "wb") as writer:
        child = subprocess.Popen(argv, cwd=cwd, stdin=reader, stdout=writer, stderr=writer, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_maxrss * 1024


def last_line(path):
    """What the program said last, for the reader of the table."""
    with open(path, "rb") as text:
        lines = text.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
    return f" ({lines[-1][:80]})" if lines else ""


class Table:
    """Rows of one comparison; ratios are against the row of kbsec."""

    def __init__(self, title, note=""):
        self.title, self.note, self.rows = title, note, []

    def add(self, name, result):
        self.rows.append((name, result))
        print(f"  {name}: {result.fault or show_time(result.median)}", flush=True)
        return result

    def result(self, name):
        found = [result for label, result in self.rows if label == name and result.seconds]
        return found[0] if found else None

    def markdown(self):
        base = self.result("kbsec")
        lines = [f"### {self.title}", ""]
        if self.note:
            lines += [self.note, ""]
        lines += ["| program | median | min–max | peak memory | time / kbsec | memory / kbsec |"]
        lines += ["|---|--:|--:|--:|--:|--:|"]
        for name, result in self.rows:
            if not result.seconds:
                lines.append(f"| {name} | {result.fault} | | | | |")
                continue
            span = f"{show_time(min(result.seconds))}–{show_time(max(result.seconds))}"
            times = f"{result.median / base.median:.1f} ×" if base else ""
            peaks = f"{result.peak / base.peak:.1f} ×" if base else ""
            cells = [name, show_time(result.median), span, show_bytes(result.peak), times, peaks]
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines) + "\n"


def show_time(seconds):
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def show_bytes(number):
    return f"{number / 1e6:.1f} MB"
