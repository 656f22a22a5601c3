#!/usr/bin/env python3
"""Drift between the versions of GitHub's enterprise document (npm `@octokit/openapi`): a flow is pinned against one version, and what
`eczflow pin --update --dry-run` says of the next is held against another judgement made here: which operations differ in anything but words.

    examples/real/fetch && python3 benches/peers/drift.py

Ends with 1 where the two disagree."""

import json
import os
import re
import sys
import tempfile
from pathlib import Path

from whole import DOCUMENTS, built, once

VERSIONS = ["3.17", "3.18", "3.19"]

FLOW = """eczflow 1
use std.handoff.{ observe }
operator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }
secret token for github
api github = openapi("ghes.json") {
  no passport because "GitHub publishes no x-ecz-id"
  server "https://github.acme.example/api/v3"
  auth bearer secret.token
}
flow look(owner: string, repo: string) -> { name: string } {
  as acme.agent
  handoff observe
  deadline 1m
  step found = github."repos/get"(owner: owner, repo: repo)
  step issues = github."issues/list-for-repo"(owner: owner, repo: repo)
  step commits = github."repos/list-commits"(owner: owner, repo: repo)
  step branches = github."repos/list-branches"(owner: owner, repo: repo)
  step org = github."orgs/get"(org: owner)
  step runs = github."actions/list-workflow-runs-for-repo"(owner: owner, repo: repo)
  step alerts = github."secret-scanning/list-alerts-for-repo"(owner: owner, repo: repo)
  ensure length(issues) + length(commits) + length(branches) + length(alerts) + runs.total_count >= 0 else "none"
  return { name: "{found.full_name} of {org.login}" }
}
"""

WORDS = {"description", "summary", "title", "example", "examples", "externalDocs", "tags", "deprecated"}
NAMED = {"properties", "parameters", "responses", "schemas", "content", "headers"}


def meaning(value, named=False):
    """A value without what says something to people only; members that the author named are never words."""
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if named or not (k in WORDS or k.startswith("x-"))}
        return {k: meaning(v, not named and k in NAMED) for k, v in kept.items()}
    return [meaning(item) for item in value] if isinstance(value, list) else value


def whole(document, value, found):
    """Everything a value refers to, by reference."""
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str) and reference not in found and "/examples/" not in reference:
            at = document
            for token in reference[2:].split("/"):
                at = at[token.replace("~1", "/").replace("~0", "~")]
            found[reference] = meaning(at)
            whole(document, at, found)
        for inner in value.values():
            whole(document, inner, found)
    elif isinstance(value, list):
        for inner in value:
            whole(document, inner, found)
    return found


def operations(document):
    found = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict) and "operationId" in operation:
                parts = whole(document, [operation, item.get("parameters", [])], {})
                found[operation["operationId"]] = [method, path, meaning(operation), parts]
    return found


def main():
    eczflow = built("bin", "eczflow")
    folder = DOCUMENTS / "octokit-openapi/generated"
    read = {version: operations(json.loads((folder / f"ghes-{version}.json").read_text())) for version in VERSIONS}
    used = re.findall(r'github\."([^"]+)"', FLOW)
    wrong = 0
    print("| from | to | operation | differs in | eczflow says |\n|---|---|---|---|---|")
    for old, new in zip(VERSIONS, VERSIONS[1:]):
        with tempfile.TemporaryDirectory() as desk:
            desk = Path(desk)
            (desk / "look.eczflow").write_text(FLOW)
            for version, command in [(old, ["pin"]), (new, ["pin", "--update", "--dry-run"])]:
                (desk / "ghes.json").unlink(missing_ok=True)
                os.symlink(folder / f"ghes-{version}.json", desk / "ghes.json")
                _, _, code, output = once([eczflow, *command, "look.eczflow"], desk)
                if code != 0 and version == old:
                    sys.exit(output)
            for name in used:
                differs = "words" if read[old][name] == read[new].get(name) else "more than words"
                says = re.search(rf"^  {re.escape(name)}  (.*)$", output, re.M)
                says = says.group(1) if says else "nothing"
                agree = (differs == "words") == (says in ("untouched", "compatible: only words changed"))
                wrong += not agree
                print(f"| {old} | {new} | `{name}` | {differs} | {says}{'' if agree else ' (!)'} |")
    sys.exit(1 if wrong else 0)


main()
