"""Whole processes, run in turn: the fastest of several counts, since whatever else a machine does makes one slower."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ROOT / "examples/real/documents"


def once(command, cwd, env=None):
    """Seconds, peak bytes, exit code and output of one process."""
    begin = time.monotonic()
    process = subprocess.Popen(
        command, cwd=cwd, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return time.monotonic() - begin, used.ru_maxrss * 1024, process.returncode, output.decode(errors="replace")


def fastest(commands, cwd, times, patience=120.0):
    """By name: seconds of the fastest run and the highest peak. All by turns; one that takes longer than `patience` runs once.
    A process that does not end with one of its expected codes ends the measurement."""
    best = {}
    for _ in range(times):
        for name, (command, env, codes) in commands.items():
            if name in best and best[name][0] > patience / times:
                continue
            seconds, peak, code, output = once(command, cwd, env)
            if code not in codes:
                sys.exit(f"{name} ended with {code}:\n{output[-2000:]}")
            before = best.get(name, (seconds, 0))
            best[name] = (min(before[0], seconds), max(before[1], peak))
    return best


def built(kind, name):
    """A program of this project, of the profile `bench`; ECZFLOW and YARDSTICK name others."""
    named = os.environ.get(name.upper())
    if named:
        return named
    command = ["cargo", "build", "--profile", "bench", f"--{kind}", name, "--message-format", "json"]
    lines = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout.splitlines()
    for line in lines:
        told = json.loads(line)
        if told.get("executable") and told.get("target", {}).get("name") == name:
            return told["executable"]
    sys.exit(f"no {kind} {name}")


def tool(variable, name):
    """A peer's program: where the variable says, else from the path; None where there is none."""
    return os.environ.get(variable) or shutil.which(name)
