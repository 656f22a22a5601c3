#!/usr/bin/env python3
"""2,000 random pairs of schemas put to eczflow and to PyPI `jsonsubschema`: is every value of the left one a value of the right one?

    pip install jsonsubschema==0.0.8 && python3 benches/peers/subschema.py [SAMPLE]

Prints how often the two say what, and each pair on which they differ with what settles it: a value that `jsonschema`, the validator that
jsonsubschema itself is built on, accepts on the left and refuses on the right. With a name, writes the sample that `cargo test` asserts.
Ends with 1 where such a value speaks against an answer of eczflow."""

import collections
import contextlib
import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 20
SAMPLE = 150


def pairs():
    """The pairs with eczflow's answers, of which each no has its value."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(os.environ.get("ECZFLOW_PAIRS", Path(folder) / "pairs.jsonl"))
        if not path.exists():
            command = ["cargo", "test", "--quiet", "--lib", "--", "--ignored", "pairs_are_written"]
            subprocess.run(command, cwd=ROOT, env={**os.environ, "ECZFLOW_PAIRS": str(path)}, check=True, stdout=sys.stderr)
        return [json.loads(line) for line in path.read_text().splitlines()]


def ask(pair):
    """What jsonsubschema says: yes, no, or which error it ends with."""
    from jsonsubschema import isSubschema

    def late(*_):
        raise TimeoutError

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    quiet = io.StringIO()
    try:
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            return "yes" if isSubschema(*pair) is True else "no"
    except BaseException as error:  # many kinds, SystemExit among them
        return "error " + type(error).__name__
    finally:
        signal.alarm(0)


def values():
    """Small values to hold a yes against."""
    flat = [None, True, False, 0, 1, 2, 3, 4, 5, 7, -1, 0.5, 2.5, "", "a", "b", "aa", "text", "0", "12", "aaaaaa"]
    lists = [[]] + [[one] for one in flat] + [[one, other] for one in flat[:8] for other in flat[:8]]
    members = [{}] + [{name: one} for name in "abcd" for one in flat + [[], {}]]
    pairs_of = [{"a": one, "b": other} for one in flat for other in flat]
    return flat + lists + members + pairs_of + [[[]], [{}], {"a": {}, "b": {}, "c": {}}]


def reason(left, right, accepts):
    """Why every value of the left is one of the right."""
    if left == right:
        return "both sides are one schema"
    if right in left.get("allOf", []):
        return "the left is the right and one more (allOf)"
    if not any(accepts(left, value) for value in values()):
        return "the left accepts none of the values that are tried"
    return "something else is to be said"


def main():
    import jsonschema
    import jsonsubschema  # noqa: F401: once, before the processes

    def accepts(schema, value):
        return jsonschema.Draft202012Validator(schema).is_valid(value)

    asked = pairs()
    # What it answered before changes what it answers: each pair has a process of its own.
    with multiprocessing.get_context("fork").Pool(maxtasksperchild=1) as pool:
        answers = pool.map(ask, [pair[:2] for pair in asked], chunksize=1)
    counts, classes, wrong = collections.Counter(), {}, 0
    pool_of_values = values()
    for (left, right, ours, shown), theirs in zip(asked, answers):
        counts[ours, theirs] += 1
        # A value that settles it: the one that is shown, or one of the small ones.
        settled = [shown] if ours == "no" else pool_of_values
        settled = [value for value in settled if accepts(left, value) and not accepts(right, value)][:1]
        if bool(settled) != (ours == "no") and ours != "unknown":
            wrong += 1
            print(f"WRONG {json.dumps([left, right, ours, shown, settled])}")
        classes.setdefault((ours, theirs), []).append((left, right, settled))
    print("| eczflow | jsonsubschema | pairs |\n|---|---|---:|")
    for (ours, theirs), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        print(f"| {ours} | {theirs} | {count} |")
    for (ours, theirs), found in sorted(classes.items()):
        if ours == theirs:
            continue
        print(f"\n{ours}, but jsonsubschema: {theirs}")
        if (ours, theirs) == ("yes", "no"):
            for why, count in collections.Counter(reason(left, right, accepts) for left, right, _ in found).items():
                print(f"{count} where {why}")
        for left, right, settled in sorted(found, key=lambda one: len(json.dumps(one[:2]))):
            print(json.dumps([left, right] + settled))
    if len(sys.argv) > 1:
        sample(classes, Path(sys.argv[1]))
    sys.exit(1 if wrong else 0)


def sample(classes, path):
    """The shortest pairs of each class of answers, in equal parts as far as a class has as many."""
    left = {key: sorted(found, key=lambda one: len(json.dumps(one[:2]))) for key, found in sorted(classes.items())}
    chosen = []
    while len(chosen) < SAMPLE and any(left.values()):
        for (ours, theirs), found in left.items():
            if found and len(chosen) < SAMPLE:
                one = found.pop(0)
                chosen.append([one[0], one[1], ours, theirs])
    chosen.sort(key=lambda one: (one[2], one[3], len(json.dumps(one)), json.dumps(one)))
    path.write_text("".join(json.dumps(one) + "\n" for one in chosen))


if __name__ == "__main__":
    # The order of Python's sets changes what jsonsubschema answers.
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    main()
