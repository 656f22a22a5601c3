#!/usr/bin/env python3
"""The same workflow of so many steps for each static checker: step k is in turn `GET /pets/{id}`, `POST /orders` and
`GET /orders/{id}`, each using an output of the step before. zizmor reads GitHub workflows instead, of as many steps.

    REDOCLY=… SPECTRAL=… ZIZMOR=… python3 benches/peers/checks.py [TIMES] [STEPS…]

A peer that is neither named so nor on the path is left out. README.md says how to install them and what is compared."""

import json
import sys
import tempfile
from pathlib import Path

from whole import built, fastest, once, tool

SIZES = [10, 100, 1_000, 5_000]

PETS = {
    "openapi": "3.1.0",
    "info": {"title": "Pets", "version": "1.0.0"},
    "servers": [{"url": "https://pets.example"}],
    "paths": {},
    "components": {
        "schemas": {
            "Pet": {"type": "object", "required": ["id", "name"],
                    "properties": {"id": {"type": "string"}, "name": {"type": "string"}}},
            "Order": {"type": "object", "required": ["id", "pet"],
                      "properties": {"id": {"type": "string"}, "pet": {"type": "string"}}},
            "NewOrder": {"type": "object", "required": ["pet"], "properties": {"pet": {"type": "string"}}},
        }
    },
}


def operation(name, answer, schema, **more):
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"operationId": name, "summary": name, "responses": {answer: {"description": schema, "content": content}}, **more}


def pets():
    by_id = [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}]
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewOrder"}}}}
    document = json.loads(json.dumps(PETS))
    document["paths"] = {
        "/pets/{id}": {"get": operation("getPet", "200", "Pet", parameters=by_id)},
        "/orders": {"post": operation("createOrder", "201", "Order", requestBody=body)},
        "/orders/{id}": {
            "get": operation("getOrder", "200", "Order", parameters=by_id),
            "delete": operation("cancelOrder", "200", "Order", parameters=by_id),
        },
    }
    return json.dumps(document, indent=1)


def flow(steps):
    lines = [
        "eczflow 1",
        "use std.handoff.{ observe }",
        "operator acme { passport ECZ-GB-A1B2C3  agent ECZ-GB-A1B2C3::AGENT-7QK2M9 }",
        'api pets = openapi("pets.json") { no passport because "a measurement" }',
        "flow generated(pet: string) -> { last: string } {",
        "  as acme.agent",
        "  handoff observe",
    ]
    for at in range(steps):
        before = f"s{at - 1}" if at else None
        lines.append(
            [
                f"  step s{at} = pets.getPet(id: {before + '.pet' if at else 'pet'})",
                f"  step s{at} = pets.createOrder({{ pet: {before}.id }})  undo pets.cancelOrder(id: s{at}.id)",
                f"  step s{at} = pets.getOrder(id: {before}.id)",
            ][at % 3]
        )
    return "\n".join([*lines, f"  return {{ last: s{steps - 1}.id }}", "}", ""])


def arazzo(steps):
    made = []
    for at in range(steps):
        name = ["getPet", "createOrder", "getOrder"][at % 3]
        value = f"$steps.s{at - 1}.outputs.next" if at else "$inputs.pet"
        step = {"stepId": f"s{at}", "description": f"step {at}", "operationId": name,
                "successCriteria": [{"condition": f"$statusCode == {201 if at % 3 == 1 else 200}"}],
                "outputs": {"next": "$response.body#/pet" if at % 3 == 2 else "$response.body#/id"}}
        if at % 3 == 1:
            step["requestBody"] = {"contentType": "application/json", "payload": {"pet": value}}
        else:
            step["parameters"] = [{"name": "id", "in": "path", "value": value}]
        made.append(step)
    document = {
        "arazzo": "1.0.1",
        "info": {"title": "Generated", "version": "1.0.0", "summary": "a measurement", "description": "a measurement"},
        "sourceDescriptions": [{"name": "pets", "url": "pets.json", "type": "openapi"}],
        "workflows": [{"workflowId": "generated", "summary": "a chain", "description": "a chain",
                       "inputs": {"type": "object", "properties": {"pet": {"type": "string"}}},
                       "steps": made, "outputs": {"last": f"$steps.s{steps - 1}.outputs.next"}}],
    }
    return json.dumps(document, indent=1)


def github(steps):
    lines = ["name: generated", "on: push", "permissions: {}", "jobs:", "  generated:", "    runs-on: ubuntu-latest",
             "    permissions: {}", "    steps:"]
    for at in range(steps):
        lines += [f"      - id: s{at}", f"        name: step {at}", "        env:",
                  f"          BEFORE: ${{{{ steps.s{max(at - 1, 0)}.outputs.next }}}}",
                  '        run: echo "next=$BEFORE" >> "$GITHUB_OUTPUT"']
    return "\n".join(lines) + "\n"


def main():
    arguments = [int(argument) for argument in sys.argv[1:]]
    times, sizes = (arguments[:1] or [7])[0], arguments[1:] or SIZES
    eczflow = built("bin", "eczflow")
    peers = {name: tool(name.upper(), name) for name in ("redocly", "spectral", "zizmor")}
    print("| steps | eczflow, s | " + " | ".join(f"{name} over it" for name in peers) + " |\n|---:|---:|---:|---:|---:|")
    for steps in sizes:
        with tempfile.TemporaryDirectory() as desk:
            desk = Path(desk)
            (desk / "pets.json").write_text(pets())
            (desk / "generated.eczflow").write_text(flow(steps))
            (desk / "generated.arazzo.json").write_text(arazzo(steps))
            (desk / "spectral.json").write_text('{"extends": ["spectral:arazzo"]}')
            workflows = desk / ".github/workflows"
            workflows.mkdir(parents=True)
            (workflows / "generated.yml").write_text(github(steps))
            env = {"XDG_CONFIG_HOME": str(desk), "XDG_CACHE_HOME": str(desk / "cache")}
            _, _, code, output = once([eczflow, "pin", "generated.eczflow"], desk, env)
            if code != 0:
                sys.exit(output)
            quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
            # What a peer finds is its own affair, as long as it looked: 1 is findings, 11 to 14 are zizmor's.
            commands = {
                "eczflow": ([eczflow, "check", "generated.eczflow"], env, [0]),
                "redocly": ([peers["redocly"], "lint", "generated.arazzo.json"], quiet, [0, 1]),
                "spectral": ([peers["spectral"], "lint", "-r", "spectral.json", "generated.arazzo.json"], {}, [0, 1]),
                "zizmor": ([peers["zizmor"], "--offline", "--no-progress", "."], {}, [0, 11, 12, 13, 14]),
            }
            commands = {name: told for name, told in commands.items() if told[0][0]}
            found = fastest(commands, desk, times)
            own = found["eczflow"][0]
            ratios = [f"{found[name][0] / own:.1f}" if name in found else "left out" for name in peers]
            print(f"| {steps:,} | {own:.3f} | " + " | ".join(ratios) + " |", flush=True)


main()
