#!/usr/bin/env python3
"""Holds prong's schema against Python's protobuf (json_format), in both directions.

  differential.py TOOL [--seed N] [--cases N] [--show N]

TOOL is the built program schema-differential. A few hundred message types are gathered: random
ones, proto2 and proto3, made here; protobuf's own; and, where they are installed, those of
googleapis-common-protos and of etcd (aetcd). Thousands of random messages of these types are
turned from protobuf to JSON and from JSON to protobuf by both, as they are and spoilt in many
ways. Both must accept the same and come to the same. Where prong means to differ, the difference
stands with its reason in disagreements.json, and is recognised below by what makes it one; any
other disagreement fails the program. The seed is printed: the same seed makes the same cases.

Needs: protobuf 7 (older ones have faults of their own: they lose the brackets of extensions, and
refuse whole numbers with an exponent). Uses if there: googleapis-common-protos, aetcd.
"""
import argparse
import collections
import json
import os
import random
import sys
import tempfile
import time
import warnings

sys.dont_write_bytecode = True

import google.protobuf
from google.protobuf import json_format

from comparison.filling import Filler
from comparison.sides import Question, ask, python_decode, python_encode
from comparison.spoiling import JSON_BITS, WIRE_BITS, Printer, Spoiler, parsed, spoil_bytes
from comparison.types import WELL_KNOWN, World
from comparison.verdicts import Disagreement, judge_decode, judge_encode
from comparison.wire import put_varint

warnings.simplefilter("ignore")
HERE = os.path.dirname(os.path.abspath(__file__))


def make_questions(rng, world, count):
    filler = Filler(rng, world)
    spoiler = Spoiler(rng)
    special = ["google.protobuf." + n for n in WELL_KNOWN]
    questions = []
    while len(questions) < count:
        name = rng.choice(special) if rng.random() < 0.2 else rng.choice(world.names)
        message = filler.fill(world.new(name))
        wire = message.SerializePartialToString(deterministic=True)
        if len(wire) > 20000:
            continue
        questions.append(Question("W", name, wire))
        questions.append(Question("W", name, spoil_bytes(rng, wire, WIRE_BITS)))
        if rng.random() < 0.3:
            again = filler.fill(world.new(name)).SerializePartialToString(deterministic=True)
            questions.append(Question("W", name, wire + again + wire[:0]))
        try:
            text = json_format.MessageToJson(
                message, descriptor_pool=world.pool, indent=None, sort_keys=True,
                preserving_proto_field_name=rng.random() < 0.3,
                use_integers_for_enums=rng.random() < 0.2)
        except Exception:
            continue
        printer = Printer(rng)
        questions.append(Question("J", name, printer.text(parsed(text)).encode("utf-8")))
        for _ in range(3):
            root = parsed(text)
            for _ in range(rng.choice([1, 1, 2])):
                root = spoiler.spoil(root)
            questions.append(Question("J", name, Printer(rng).text(root).encode("utf-8")))
        questions.append(Question("J", name, spoil_bytes(rng, text.encode("utf-8"), JSON_BITS)))
    return questions


def deep_questions():
    """Messages nested about as deep as anyone takes them."""
    questions = []
    for depth in (10, 40, 48, 49, 50, 51, 98, 99, 100, 101, 102, 150, 5000):
        lists = "[" * depth + "]" * depth
        questions.append(Question("J", "google.protobuf.Value", lists.encode()))
        objects = '{"a":' * depth + "1" + "}" * depth
        questions.append(Question("J", "google.protobuf.Struct", objects.encode()))
        anys = '{"@type":"x/google.protobuf.Any","value":' * depth + "{}" + "}" * depth
        questions.append(Question("J", "google.protobuf.Any", anys.encode()))
        nested = '{"nestedType":[' * depth + "]}" * depth
        questions.append(Question("J", "google.protobuf.DescriptorProto", nested.encode()))
        wire = b""
        for _ in range(depth):
            wire = b"\x1a" + put_varint(len(wire)) + wire
        questions.append(Question("W", "google.protobuf.DescriptorProto", wire))
        questions.append(Question(
            "W", "google.protobuf.Empty", b"\x0b" * depth + b"\x0c" * depth))
    return questions


def verdicts(world, questions):
    """For each question: whether Python accepts, the name of a disagreement, an unmeant one.

    Python is asked in a child process: its protobuf sometimes dies of a segmentation fault (seen
    with extensions in messages that are values of maps). That question is then left out, and the
    next child goes on after it."""
    results = []
    while len(results) < len(questions):
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read_end)
            for question in questions[len(results):]:
                os.write(write_end, (json.dumps(verdict(world, question)) + "\n").encode())
            os._exit(0)
        os.close(write_end)
        with os.fdopen(read_end) as lines:
            results += [json.loads(line) for line in lines]
        if os.waitpid(child, 0)[1] != 0:
            if len(results) == len(questions):
                break
            results.append([None, "python-died", ""])
    return results


def verdict(world, question):
    encodes = question.kind == "J"
    expected = (python_encode if encodes else python_decode)(world, question)
    try:
        name = (judge_encode if encodes else judge_decode)(world, question, expected)
        return [expected[0], name, ""]
    except Disagreement as fault:
        return [expected[0], None, str(fault)]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("tool")
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    options.add_argument("--cases", type=int, default=30000)
    options.add_argument("--show", type=int, default=5)
    options = options.parse_args()
    if int(google.protobuf.__version__.split(".")[0]) < 7:
        sys.exit("this needs Python's protobuf 7 or later, found %s" % google.protobuf.__version__)
    print("seed %d" % options.seed, flush=True)
    rng = random.Random(options.seed)
    began = time.monotonic()
    world = World(rng)
    with open(os.path.join(HERE, "disagreements.json")) as file:
        known = {entry["name"] for entry in json.load(file)}
    questions = deep_questions() + make_questions(rng, world, options.cases)
    with tempfile.TemporaryDirectory() as folder:
        set_path = os.path.join(folder, "set.binpb")
        with open(set_path, "wb") as file:
            file.write(world.set.SerializeToString())
        ask(options.tool, set_path, questions, folder)
    met = collections.Counter()
    accepted = collections.Counter()
    faults = []
    for question, (taken, name, fault) in zip(questions, verdicts(world, questions)):
        if taken is not None:
            accepted[question.kind, taken] += 1
        if name is not None:
            met[name] += 1
        if name is not None and name not in known:
            fault = '"%s" is not in disagreements.json' % name
        if fault:
            faults.append((question, fault))
    if met["python-died"] > len(questions) // 1000:
        faults.append((questions[0], "Python died of too many questions"))
    print("%d types, %d cases in %.0f s" % (len(world.names), len(questions), time.monotonic() - began))
    for kind, words in (("J", "JSON to protobuf"), ("W", "protobuf to JSON")):
        print("%s: %d accepted, %d refused by Python" % (
            words, accepted[kind, True], accepted[kind, False]))
    for name, count in sorted(met.items()):
        print("  meant to differ: %-20s %d" % (name, count))
    for question, fault in faults[:options.show]:
        print("\n%s %s\n%r\n%s" % (question.kind, question.name, question.data, fault))
    if faults:
        sys.exit("\n%d disagreements that are not meant" % len(faults))
    print("no other disagreement")


if __name__ == "__main__":
    main()
