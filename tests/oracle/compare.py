#!/usr/bin/env python3
"""Puts pairs of schemas to PyPI jsonsubschema and compares its answers with eczflow's.

    ECZFLOW_PAIRS=pairs.jsonl cargo test --lib -- --ignored pairs_are_written
    pip install jsonsubschema==0.0.8
    python tests/oracle/compare.py pairs.jsonl [sample.jsonl]

Anything but True of jsonsubschema is a no: an error, a time-out, False. For each disagreement it prints the class: a value
that jsonschema (the validator) accepts on the left and refuses on the right settles a yes of the other; a refusal to answer
and a feature it does not support are told by their error. With a second name, writes 250 pairs in which both agree.
"""
import collections, contextlib, io, json, multiprocessing, sys


def ask(pair):
    left, right = pair
    from jsonsubschema import isSubschema
    quiet = io.StringIO()
    try:
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            return "yes" if isSubschema(left, right) is True else "no"
    except BaseException as error:  # it raises many kinds, SystemExit among them
        return "error: " + type(error).__name__


def main():
    pairs = [json.loads(line) for line in open(sys.argv[1])]
    counts, samples, agreed = collections.Counter(), {}, []
    with multiprocessing.Pool(2, maxtasksperchild=50) as pool:
        asked = [(pair, pool.apply_async(ask, (pair[:2],))) for pair in pairs]
        for (left, right, ours), answer in asked:
            try:
                theirs = answer.get(timeout=20)
            except multiprocessing.TimeoutError:
                theirs = "error: TimeOut"
            counts[ours, theirs] += 1
            samples.setdefault((ours, theirs), []).append((left, right))
            if ours == theirs:
                agreed.append([left, right, theirs == "yes"])
        pool.terminate()
    print("| eczflow | jsonsubschema | pairs |\n|---|---|---:|")
    for (ours, theirs), count in sorted(counts.items(), key=lambda item: -item[1]):
        print(f"| {ours} | {theirs} | {count} |")
    for (ours, theirs), found in sorted(samples.items()):
        if ours != theirs:
            print(f"\n{ours} / {theirs}")
            for left, right in sorted(found, key=lambda pair: len(json.dumps(pair)))[:400]:
                print(json.dumps([left, right]))
    if len(sys.argv) > 2:
        agreed.sort(key=json.dumps)
        chosen = agreed[:: max(1, len(agreed) // 250)][:250]
        with open(sys.argv[2], "w") as file:
            file.writelines(json.dumps(pair) + "\n" for pair in chosen)


main()
