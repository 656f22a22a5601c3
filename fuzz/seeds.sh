#!/usr/bin/env bash
# Writes the seeds that are made by the program itself: a plan, a real run's bundle, documents in both forms. Needs an
# `eczflow` (first argument, else `cargo run`). To be run after a change of a format.
set -eu
cd "$(dirname "$0")"
eczflow=${1:-"cargo run --quiet --manifest-path ../Cargo.toml --"}
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
cp documents/desk.yaml "$work/desk.yaml"
cp seeds/flow/valid.eczflow "$work/flow.eczflow"
cp documents/desk.yaml seeds/yaml_document/valid.yaml
cp ../examples/refund/apis/payments.openapi.json seeds/json_document/valid.json
$eczflow pin "$work/flow.eczflow"
$eczflow compile "$work/flow.eczflow" -o seeds/plan/valid.json
$eczflow run "$work/flow.eczflow" --sandbox --store "$work/store" --input ticket_id=T1
$eczflow audit export latest --store "$work/store" -o - > seeds/bundle/valid.jsonl
