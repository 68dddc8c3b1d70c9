"""Asks both sides: the tool in one go, Python one by one."""

import math
import os
import struct
import subprocess
import sys

from google.protobuf import json_format

class Question:
    def __init__(self, kind, name, data):
        self.kind = kind
        self.name = name
        self.data = data
        self.answer = None  # (accepted, bytes or sentence)

    @property
    def line(self):
        return "%s %s %s\n" % (self.kind, self.name, self.data.hex())


def ask(tool, set_path, questions, folder):
    asked = os.path.join(folder, "questions")
    with open(asked, "w") as file:
        file.writelines(q.line for q in questions)
    with open(asked) as file:
        result = subprocess.run([tool, set_path], stdin=file, stdout=subprocess.PIPE, text=True)
    lines = result.stdout.splitlines()
    if result.returncode != 0 or len(lines) != len(questions):
        bad = questions[min(len(lines), len(questions) - 1)]
        sys.exit("the tool ended early (%d, %d of %d answers); the question was: %s"
                 % (result.returncode, len(lines), len(questions), bad.line))
    for question, line in zip(questions, lines):
        word, _, rest = line.partition(" ")
        question.answer = (word == "ok", bytes.fromhex(rest))


def python_encode(world, question):
    """(accepted, message or sentence)"""
    try:
        text = question.data.decode("utf-8")
        message = world.new(question.name)
        json_format.Parse(text, message, descriptor_pool=world.pool)
        message.SerializeToString()
        return True, message
    except Exception as error:
        return False, "%s: %s" % (type(error).__name__, error)


def python_decode(world, question):
    try:
        message = world.new(question.name)
        message.MergeFromString(question.data)
        return True, json_format.MessageToDict(message, descriptor_pool=world.pool)
    except Exception as error:
        return False, "%s: %s" % (type(error).__name__, error)


def same_json(one, other):
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        if one == other:
            return math.copysign(1, one) == math.copysign(1, other) or one != 0
        # A float's shortest digits may be written in two ways.
        try:
            return struct.pack("<f", one) == struct.pack("<f", other) and (
                abs(one) < 1.2e-38 or abs(one - other) < 1e-6 * abs(one))
        except OverflowError:
            return False
    return type(one) == type(other) and one == other
