"""Compares the two sides, and recognises the disagreements that are meant."""

import decimal
import json
import re

from google.protobuf import json_format

from .sides import Question, python_decode, same_json
from .types import FD, Field
from .wire import plain_entries, varint

class Disagreement(Exception):
    pass


def value_at(question, sentence):
    """The JSON value at the place that prong's sentence names."""
    found = re.search(r"\(line (\d+), column (\d+)\)$", sentence)
    if not found:
        return None
    try:
        lines = question.data.decode("utf-8").split("\n")
        text = "\n".join(lines[int(found.group(1)) - 1:])[int(found.group(2)) - 1:]
        return json.JSONDecoder(parse_float=decimal.Decimal).raw_decode(text)[0]
    except (ValueError, decimal.InvalidOperation):
        return None


def is_plain_number(value):
    return isinstance(value, str) and re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", value)


def stands_in_a_field_given_twice(question, sentence):
    """Whether the place that prong names lies in a field that is given under both of its names."""
    def plain(name):
        return name.replace("_", "").lower()
    try:
        node = json.loads(question.data)
        for name, index in re.findall(r"([A-Za-z0-9_]+)|\[(\d+)\]", sentence.split(": ", 1)[0]):
            if index:
                node = node[int(index)]
                continue
            if sum(plain(key) == plain(name) for key in node) > 1:
                return True
            node = node[name]
    except (ValueError, TypeError, LookupError):
        pass
    return False


def strict_base64(value):
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9+/_-]*=?=?", value) and (
        len(value.rstrip("=")) % 4 != 1 and (not value.endswith("=") or len(value) % 4 == 0))


def reads_python_number(value):
    try:
        float(value)
        return True
    except (TypeError, ValueError, OverflowError):
        return False


def is_rounded_whole(value):
    """A number with a fraction that is lost when it is rounded to a double."""
    if not isinstance(value, decimal.Decimal) and not is_plain_number(value):
        return False
    exact = decimal.Decimal(value)
    return exact != exact.to_integral_value() and float(exact).is_integer()


def exactly(value):
    """A JSON value with its whole numbers as integers, however they were written."""
    if isinstance(value, dict):
        return {k: exactly(v) for k, v in value.items()}
    if isinstance(value, list):
        return [exactly(v) for v in value]
    if isinstance(value, decimal.Decimal) or is_plain_number(value):
        exact = decimal.Decimal(value)
        if abs(exact) < 2**70 and exact == exact.to_integral_value() and abs(exact) > 2**53:
            return int(exact)
        return float(exact) if isinstance(value, decimal.Decimal) else value
    return value


# What prong refuses and Python takes: the name of the disagreement, a pattern of prong's sentence,
# and what must be true of the value it points at.
STRICTER = [
    ("number-text", r"this string should be a (whole )?number",
     lambda v: isinstance(v, str) and not is_plain_number(v) and reads_python_number(v)),
    ("enum-number-text", r"has no value of this name",
     lambda v: isinstance(v, str) and not is_plain_number(v) and reads_python_number(v)),
    ("bool-as-number", r"should stand here, not true or false", lambda v: isinstance(v, bool)),
    ("integers-exact", r"whole number", lambda v: is_rounded_whole(v)),
    ("integers-exact", r"beyond the range of s?u?(int|fixed)64", lambda v: (
        isinstance(v, decimal.Decimal) or is_plain_number(v)) and -2**63 <= int(float(v)) < 2**64),
    ("enum-fraction", r"a whole number should stand here", lambda v: isinstance(v, decimal.Decimal)),
    ("enum-range", r"beyond the range of an enum", lambda v: abs(float(v)) >= 2**31),
    ("float-range", r"beyond the range of (float|a double)",
     lambda v: reads_python_number(v) and abs(float(v)) > 3.4028234e38),
    ("base64-lenient", r"should be base64", lambda v: isinstance(v, str) and not strict_base64(v)),
    ("time-lenient", r"this string should be a time", lambda v: isinstance(v, str) and not re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", v)),
    ("duration-lenient", r"this string should be a duration", lambda v: isinstance(v, str) and not re.fullmatch(
        r"-?\d{1,18}(\.\d{1,9})?s", v)),
    ("both-namings", r"the field .* stands here a second time", lambda v: isinstance(v, str)),
    ("empty-as-message", r"an object should stand here, not a(n array| string)", lambda v: v in ([], "")),
    ("any-other-members", r"an Any of google\.protobuf\..* has only @type and value", lambda v: True),
]


def canonical(world, message):
    """Bytes that are equal for equal messages, inside Anys too, where maps may stand in any order."""
    settle(world, message)
    return message.SerializePartialToString(deterministic=True)


def settle(world, message):
    if message.DESCRIPTOR.full_name == "google.protobuf.Any":
        try:
            inner = world.new(message.type_url.split("/")[-1])
            inner.MergeFromString(message.value)
            message.value = canonical(world, inner)
        except Exception:
            return
    for field, value in message.ListFields():
        field = Field(field)
        if field.is_map:
            if field.message_type.fields_by_name["value"].cpp_type == FD.CPPTYPE_MESSAGE:
                for key in value:
                    settle(world, value[key])
        elif field.cpp_type == FD.CPPTYPE_MESSAGE:
            for one in value if field.label_repeated else [value]:
                settle(world, one)


def judge_encode(world, question, expected):
    accepted, got = question.answer
    wanted, reference = expected
    sentence = got.decode("utf-8", "replace") if not accepted else ""
    if accepted and wanted:
        message = world.new(question.name)
        message.MergeFromString(got)
        if canonical(world, message) == canonical(world, reference):
            return None
        return differs_encoded(world, question, message, reference)
    if accepted == wanted:
        return None
    if wanted:
        if "nested deeper than 100" in sentence:
            return "depth-counted"
        for name, pattern, holds in STRICTER:
            if re.search(pattern, sentence) and holds(value_at(question, sentence)):
                return name
        if re.search(r"a value should stand here, not '[NI]'|digits should follow the minus", sentence) and re.search(
                rb"NaN|Infinity", question.data):
            return "json-nan"
        if "beyond the range of a double" in sentence:
            return "json-huge"
        if stands_in_a_field_given_twice(question, sentence):
            return "both-namings"
        raise Disagreement("Python takes it, prong does not: %s" % sentence)
    message = world.new(question.name)
    message.MergeFromString(got)
    if agrees_exactly(world, question, message):
        return "integers-exact"
    if re.search(r"Assignment not allowed to map, or repeated|no attribute 'null_value'", reference):
        return "null-for-list"
    raise Disagreement("prong takes it (%s), Python does not: %s" % (got.hex(), reference))


def agrees_exactly(world, question, message, minus_zero=False):
    """Whether Python comes to the same when it is given whole numbers exactly."""
    reference = world.new(question.name)
    try:
        value = json.loads(
            question.data, parse_float=decimal.Decimal,
            parse_int=lambda s: -0.0 if s == "-0" and minus_zero else int(s))
        json_format.ParseDict(exactly(value), reference, descriptor_pool=world.pool)
        return canonical(world, message) == canonical(world, reference)
    except Exception:
        return False


def differs_encoded(world, question, message, reference):
    if agrees_exactly(world, question, message):
        return "integers-exact"
    if agrees_exactly(world, question, message, minus_zero=True):
        return "minus-zero"
    raise Disagreement("prong reads\n%s\nPython reads\n%s" % (message, reference))


def judge_decode(world, question, expected):
    accepted, got = question.answer
    wanted, reference = expected
    if accepted and wanted:
        try:
            written = json.loads(got)
        except ValueError as error:
            raise Disagreement("prong writes what is no JSON (%s): %r" % (error, got))
        if same_json(written, reference):
            return None
        plain = plain_entries(world, world.pool.FindMessageTypeByName(question.name), question.data)
        wanted, reference = python_decode(world, Question("W", question.name, plain))
        if wanted and plain != question.data and same_json(written, reference):
            return "map-entry-unknown"
        both = isinstance(written, dict) and isinstance(reference, dict)
        keys = {**written, **reference} if both else []
        raise Disagreement("they differ in %s\nprong writes\n%s\nPython writes\n%s" % (
            [(k, written.get(k), reference.get(k)) for k in keys
             if not same_json(written.get(k), reference.get(k))],
            json.dumps(written), json.dumps(reference)))
    if accepted == wanted:
        return None
    if accepted:
        if "Can not find message descriptor by type_url" in reference and b"@type" in got:
            return "any-unknown-type"
        raise Disagreement("prong writes %r, Python refuses: %s" % (got, reference))
    sentence = got.decode("utf-8", "replace")
    if "text that is not UTF-8" in sentence and (
            re.search(r"\"b['\\]", json.dumps(reference)) or question.name in world.proto2):
        return "utf8-proto2"
    found = re.search(r"a field tag that protobuf does not have \(byte (\d+)\)", sentence)
    if found and varint(question.data, int(found.group(1)))[0] >> 3 == 0:
        return "field-zero"
    raise Disagreement("Python writes %s, prong refuses: %s" % (json.dumps(reference), sentence))
