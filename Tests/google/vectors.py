#!/usr/bin/env python3
"""Writes routing-vectors.json: what Google's own Python clients put into the routing header, for
the unit test of the same rules in Swift.

  vectors.py [--check]

Each line is a method: its HTTP path or its google.api.routing parameters, the client's default
timeout in seconds or null, and cases: a request (JSON, proto names) and the header's value or null.
--check writes nothing and fails if the file in the tree is not what the installed clients give.
"""

import argparse
import json
import pathlib
import random
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "Packaging/google"))
sys.path.insert(0, str(HERE))

from google.api import annotations_pb2, routing_pb2  # noqa: E402
from google.protobuf import descriptor_pb2, json_format  # noqa: E402
from apis import APIS, EXPLICIT, recorded_clients  # noqa: E402
from filling import Filler, routing_rules  # noqa: E402
from gapicsets import options  # noqa: E402

FILE = ROOT / "Tests/GoogleAPITests/Fixtures/routing-vectors.json"
# The cases of each method beside the empty request; rules with path templates get more.
CASES = 3
CASES_EXPLICIT = 8


def rule_of(method_options):
    if method_options.HasExtension(routing_pb2.routing):
        parameters = method_options.Extensions[routing_pb2.routing].routing_parameters
        return {"routing": [[each.field, each.path_template] for each in parameters]}
    if method_options.HasExtension(annotations_pb2.http):
        return {"http": options.path_of(method_options.Extensions[annotations_pb2.http])}
    return {}


def vector(client, method, table):
    said = descriptor_pb2.MethodOptions()
    options.fill_method(client, method, table, said)
    rules = routing_rules(said)
    filler = Filler(random.Random(method.full_name))
    count = CASES_EXPLICIT if said.HasExtension(routing_pb2.routing) else CASES
    requests = [filler.request(method, {}, filled=0)]
    requests += [filler.request(method, rules, filled=0) for _ in range(count if rules else 0)]
    cases = []
    for request in requests:
        text = json_format.MessageToDict(request, preserving_proto_field_name=True)
        case = [text, client.sent(method, request).header(options.ROUTING_HEADER)]
        if case not in cases:
            cases.append(case)
    return {"method": method.full_name, **rule_of(said), "timeout": method.timeout, "cases": cases}


def vectors():
    found = []
    for client, version, service in recorded_clients({**APIS, **EXPLICIT}):
        tables = options.http_tables(version, service)
        found += [vector(client, method, tables.get(method.name))
                  for method in client.own_methods
                  if client.function(method) and not method.client_streaming]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    lines = [json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in vectors()]
    text = "[\n" + ",\n".join(lines) + "\n]\n"
    if given.check:
        same = FILE.read_text(encoding="utf-8") == text
        if not same:
            print(f"{FILE} is not what the installed clients give: run {sys.argv[0]} again")
        return 0 if same else 1
    FILE.write_text(text, encoding="utf-8")
    print(f"{FILE.relative_to(ROOT)}: {len(lines)} methods, {len(text.encode())} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
