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

Needs: protobuf (4 or later). Uses if there: googleapis-common-protos, aetcd.
"""

import argparse
import collections
import copy
import decimal
import importlib
import json
import math
import os
import pkgutil
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
import warnings

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf import descriptor as descriptors

warnings.simplefilter("ignore")
FD = descriptors.FieldDescriptor
HERE = os.path.dirname(os.path.abspath(__file__))

# MARK: schemas

SCALARS = {
    "double": 1, "float": 2, "int64": 3, "uint64": 4, "int32": 5, "fixed64": 6, "fixed32": 7,
    "bool": 8, "string": 9, "bytes": 12, "uint32": 13, "sfixed32": 15, "sfixed64": 16,
    "sint32": 17, "sint64": 18,
}
MAP_KEYS = [SCALARS[n] for n in SCALARS if n not in ("double", "float", "bytes")]
WELL_KNOWN = [
    "Any", "Timestamp", "Duration", "FieldMask", "Struct", "Value", "ListValue", "Empty",
    "DoubleValue", "FloatValue", "Int64Value", "UInt64Value", "Int32Value", "UInt32Value",
    "BoolValue", "StringValue", "BytesValue",
]
WELL_KNOWN_FILES = ["any", "timestamp", "duration", "field_mask", "struct", "empty", "wrappers"]


def json_name(name):
    return re.sub("_([a-z]?)", lambda m: m.group(1).upper(), name)


class FileMaker:
    """Makes one random .proto file."""

    def __init__(self, rng, number, syntax):
        self.rng = rng
        self.proto2 = syntax == "proto2"
        self.file = descriptor_pb2.FileDescriptorProto(
            name="random/file_%d.proto" % number, package="random.p%d" % number)
        if not self.proto2:
            self.file.syntax = "proto3"
        for name in WELL_KNOWN_FILES:
            self.file.dependency.append("google/protobuf/%s.proto" % name)
        self.count = 0
        self.messages = []
        self.enums = []
        self.zero_enums = []  # those that may be a map's value

    def make(self):
        for index in range(self.rng.randint(1, 3)):
            self.enum(self.file.enum_type, "Kind%d" % index, ".%s" % self.file.package)
        names = ["Message%d" % i for i in range(self.rng.randint(6, 10))]
        self.messages = [".%s.%s" % (self.file.package, n) for n in names]
        for name in names:
            message = self.file.message_type.add(name=name)
            self.fill(message, ".%s.%s" % (self.file.package, name))
        if self.proto2:
            self.extend()
        return self.file

    def enum(self, where, name, scope):
        item = where.add(name=name)
        prefix = name.upper()
        numbers = [0] + self.rng.sample([1, 2, 3, -1, 7, 100, -2147483648, 2147483647, 41], 4)
        if self.proto2 and self.rng.random() < 0.5:
            numbers = numbers[1:]
        for index, number in enumerate(numbers):
            item.value.add(name="%s_V%d" % (prefix, index), number=number)
        if self.rng.random() < 0.3:
            item.options.allow_alias = True
            item.value.add(name="%s_ALIAS" % prefix, number=numbers[-1])
        self.enums.append("%s.%s" % (scope, name))
        if item.value[0].number == 0:
            self.zero_enums.append(self.enums[-1])

    def name(self, taken):
        while True:
            words = [self.rng.choice(["foo", "bar", "x", "a1", "long_word", "url", "i18n", "Big",
                                      "fooBar", "value", "type_", "e"])
                     for _ in range(self.rng.randint(1, 3))]
            name = self.rng.choice(["", "", "", "_"]) + self.rng.choice(
                ["_", "_", "__", ""]).join(words)
            name += self.rng.choice(["", "", "_", str(self.rng.randint(0, 99))])
            if json_name(name).lower() not in taken and json_name(name):
                taken.add(json_name(name).lower())
                return name

    def fill(self, message, full):
        rng = self.rng
        taken = {"key"}
        if rng.random() < 0.3:
            self.enum(message.enum_type, "Inner%d" % rng.randint(0, 9), full)
        numbers = rng.sample(range(1, 40), 25) + [536870911, 18999, 20000, 2048, 15, 16][:rng.randint(0, 4)]
        numbers = list(dict.fromkeys(numbers))
        rng.shuffle(numbers)
        synthetic = []
        for _ in range(rng.choice([0, 1, 3, 6, 12, 20])):
            if not numbers:
                break
            field = message.field.add(name=self.name(taken), number=numbers.pop(), label=1)
            if rng.random() < 0.1:
                field.json_name = "@json %s\u00e9\"" % field.name
            shape = rng.random()
            if shape < 0.15:
                self.map_field(message, full, field)
                continue
            self.type(field, message, full)
            if field.type == 10:
                field.label = rng.choice([1, 3])
            elif shape < 0.4:
                field.label = 3
                if field.type not in (9, 11, 12) and rng.random() < 0.4:
                    field.options.packed = rng.random() < 0.5
            elif shape < 0.5 and self.proto2:
                field.label = 2 if rng.random() < 0.4 else 1
            elif shape < 0.65 and not self.proto2 and field.type != 11:
                field.proto3_optional = True
                synthetic.append(field)
        for index in range(rng.choice([0, 0, 1, 2])):
            message.oneof_decl.add(name="choice_%d" % index)
            for _ in range(rng.randint(1, 4)):
                if numbers:
                    field = message.field.add(
                        name=self.name(taken), number=numbers.pop(), label=1)
                    self.type(field, message, full, group=False)
                    field.oneof_index = index
        for field in synthetic:
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name="_opt_%s" % field.name)
        if self.proto2 and rng.random() < 0.6:
            message.extension_range.add(start=1000, end=2000)

    def type(self, field, message, full, group=True):
        rng = self.rng
        choice = rng.random()
        if choice < 0.6:
            field.type = rng.choice(list(SCALARS.values()))
        elif choice < 0.7:
            field.type = 14
            field.type_name = rng.choice(
                self.enums + ([] if self.proto2 else [".google.protobuf.NullValue"]))
        elif choice < 0.8 or not (group and self.proto2):
            field.type = 11
            field.type_name = (
                rng.choice(self.messages) if rng.random() < 0.4
                else ".google.protobuf." + rng.choice(WELL_KNOWN))
        else:
            self.count += 1
            field.type = 10
            inner = message.nested_type.add(name="Group%d" % self.count)
            field.name = "group%d" % self.count
            field.type_name = "%s.Group%d" % (full, self.count)
            inner.field.add(name="a", number=1, label=1, type=5)
            inner.field.add(name="bs", number=2, label=3, type=9)

    def map_field(self, message, full, field):
        self.count += 1
        field.label = 3
        field.type = 11
        entry = message.nested_type.add(name="Map%dEntry" % self.count)
        field.type_name = "%s.Map%dEntry" % (full, self.count)
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, label=1, type=self.rng.choice(MAP_KEYS))
        value = entry.field.add(name="value", number=2, label=1)
        self.type(value, message, full, group=False)
        if value.type == 14:
            if not self.zero_enums:
                value.type = 5
                value.ClearField("type_name")
            elif value.type_name not in self.zero_enums + [".google.protobuf.NullValue"]:
                value.type_name = self.zero_enums[0]

    def extend(self):
        """Extensions, at the file's level and inside a message."""
        targets = [m for m in self.file.message_type if m.extension_range]
        for index, target in enumerate(targets):
            for number in self.rng.sample(range(1000, 2000), 3):
                where = self.rng.choice([self.file, self.rng.choice(self.file.message_type)])
                field = where.extension.add(
                    name="ext_%d_%d" % (index, number), number=number,
                    label=self.rng.choice([1, 3]),
                    extendee=".%s.%s" % (self.file.package, target.name))
                self.type(field, None, "", group=False)


def installed_files():
    """The files of Python packages that are there, in an order in which they can be added."""
    modules = ["google.protobuf.%s_pb2" % n for n in WELL_KNOWN_FILES + [
        "descriptor", "api", "type", "source_context", "compiler.plugin"]]
    for package in ("google.api", "google.rpc", "google.type", "google.longrunning",
                    "google.logging.type", "aetcd.rpc", "aetcd"):
        try:
            found = importlib.import_module(package)
            modules += ["%s.%s" % (package, m.name) for m in pkgutil.iter_modules(found.__path__)
                        if m.name.endswith("_pb2")]
        except ImportError:
            continue
    ordered = collections.OrderedDict()

    def add(file):
        if file.name in ordered:
            return
        for dependency in file.dependencies:
            add(dependency)
        proto = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(proto)
        if proto.syntax != "editions":
            ordered[file.name] = proto

    for module in modules:
        try:
            add(importlib.import_module(module).DESCRIPTOR)
        except Exception as error:  # a package made for another protobuf
            print("left out: %s (%s)" % (module, str(error).split("\n")[0]))
    return list(ordered.values())


def all_messages(file):
    def walk(messages, scope):
        for message in messages:
            if not message.options.map_entry:
                yield scope + message.name
            yield from walk(message.nested_type, scope + message.name + ".")
    yield from walk(file.message_type, file.package + "." if file.package else "")


# MARK: random messages

INTS = [0, 1, -1, 2, 127, 128, 300, -128, 2**31 - 1, -2**31, 2**32 - 1, 2**53, 2**53 + 1,
        2**63 - 1, -2**63, 2**64 - 1]
DOUBLES = [0.0, -0.0, 1.0, -1.5, 0.1, 1e100, -1e-100, 5e-324, 1.7976931348623157e308, math.inf,
           -math.inf, math.nan, 123456789.125, 1e21, 1e22, 1e15, 1e16, 1e-5, 1e-7, 3.0e38]
STRINGS = ["", "a", "hello world", "\u00e9\u4e2d\U0001f600", "\"\\/\b\f\n\r\t\u0001", "null",
           "x" * 200, "\u007f\u0080\uffff\u2028", "projects/p/locations/global", "e\u0301"]
BOUNDS = {
    FD.TYPE_INT32: (-2**31, 2**31 - 1), FD.TYPE_SINT32: (-2**31, 2**31 - 1),
    FD.TYPE_SFIXED32: (-2**31, 2**31 - 1), FD.TYPE_UINT32: (0, 2**32 - 1),
    FD.TYPE_FIXED32: (0, 2**32 - 1), FD.TYPE_INT64: (-2**63, 2**63 - 1),
    FD.TYPE_SINT64: (-2**63, 2**63 - 1), FD.TYPE_SFIXED64: (-2**63, 2**63 - 1),
    FD.TYPE_UINT64: (0, 2**64 - 1), FD.TYPE_FIXED64: (0, 2**64 - 1),
}


class Filler:
    def __init__(self, rng, world):
        self.rng = rng
        self.world = world

    def scalar(self, field):
        rng = self.rng
        if field.type in BOUNDS:
            low, high = BOUNDS[field.type]
            if rng.random() < 0.6:
                return rng.choice([n for n in INTS if low <= n <= high])
            return rng.randint(low, high)
        if field.cpp_type in (FD.CPPTYPE_DOUBLE, FD.CPPTYPE_FLOAT):
            value = rng.choice(DOUBLES) if rng.random() < 0.6 else rng.uniform(-1e6, 1e6)
            if field.cpp_type == FD.CPPTYPE_FLOAT and abs(value) < 1e38:
                value = struct.unpack("<f", struct.pack("<f", value))[0]
            return value
        if field.cpp_type == FD.CPPTYPE_BOOL:
            return rng.random() < 0.5
        if field.cpp_type == FD.CPPTYPE_ENUM:
            values = [v.number for v in field.enum_type.values]
            if not closed(field.enum_type) and rng.random() < 0.2:
                return rng.choice([77, -5, 2**31 - 1])
            return rng.choice(values)
        if field.type == FD.TYPE_BYTES:
            return bytes(rng.randrange(256) for _ in range(rng.choice([0, 1, 2, 3, 4, 20, 130])))
        return rng.choice(STRINGS)

    def fill(self, message, depth=0):
        rng = self.rng
        name = message.DESCRIPTOR.full_name
        special = getattr(self, "fill_" + name.split(".")[-1], None)
        if name.startswith("google.protobuf.") and special:
            return special(message, depth)
        fields = self.world.fields(message.DESCRIPTOR)
        share = rng.choice([0.2, 0.5, 0.9]) if depth < 3 else 0.15
        for field in fields:
            if field.label_required or rng.random() < share:
                self.set(message, field, depth)
        for field in self.world.extensions.get(name, []):
            if rng.random() < 0.4:
                self.set(message, field, depth)
        return message

    def set(self, message, field, depth):
        rng = self.rng
        is_message = field.cpp_type == FD.CPPTYPE_MESSAGE
        if is_message and depth > 5 and not field.label_required:
            return
        if is_message and depth > 12:
            return
        if field.is_map:
            key_field = field.message_type.fields_by_name["key"]
            value_field = field.message_type.fields_by_name["value"]
            target = getattr(message, field.name)
            for _ in range(rng.choice([0, 1, 2, 5])):
                key = self.scalar(key_field)
                if value_field.cpp_type == FD.CPPTYPE_MESSAGE:
                    self.fill(target[key], depth + 1)
                else:
                    target[key] = self.scalar(value_field)
            return
        holder = message.Extensions[field.raw] if field.is_extension and (
            field.label_repeated or is_message) else None
        if field.label_repeated:
            target = holder if holder is not None else getattr(message, field.name)
            for _ in range(rng.choice([0, 1, 2, 4])):
                if is_message:
                    self.fill(target.add(), depth + 1)
                else:
                    target.append(self.scalar(field))
        elif is_message:
            target = holder if holder is not None else getattr(message, field.name)
            target.SetInParent()
            self.fill(target, depth + 1)
        elif field.is_extension:
            message.Extensions[field.raw] = self.scalar(field)
        else:
            setattr(message, field.name, self.scalar(field))

    def fill_Any(self, message, depth):
        rng = self.rng
        if depth > 5 or rng.random() < 0.1:
            return message
        name = rng.choice(self.world.names if rng.random() < 0.6
                          else ["google.protobuf." + n for n in WELL_KNOWN])
        inner = self.world.new(name)
        self.fill(inner, depth + 2)
        message.type_url = rng.choice(["type.googleapis.com/", "example.com/a/b/"]) + name
        message.value = inner.SerializePartialToString(deterministic=True)
        if rng.random() < 0.05:
            message.type_url = "type.googleapis.com/not.Known"
        return message

    def fill_Timestamp(self, message, depth):
        message.seconds = self.rng.choice(
            [0, 1, -1, -62135596800, 253402300799, self.rng.randint(-62135596800, 253402300799)])
        message.nanos = self.rng.choice([0, 1, 999999999, 500000000, 120000, 1000, 10])
        if self.rng.random() < 0.03:
            message.seconds = self.rng.choice([-62135596801, 253402300800, 2**63 - 1, -2**63])
        if self.rng.random() < 0.03:
            message.nanos = self.rng.choice([-1, 1000000000, -2**31])
        return message

    def fill_Duration(self, message, depth):
        sign = self.rng.choice([1, -1])
        message.seconds = sign * self.rng.choice(
            [0, 1, 315576000000, self.rng.randint(0, 315576000000)])
        message.nanos = sign * self.rng.choice([0, 1, 999999999, 500000000, 120000, 1000, 10])
        if self.rng.random() < 0.03:
            message.seconds = self.rng.choice([315576000001, 2**63 - 1, -2**63])
        if self.rng.random() < 0.03:
            message.nanos = self.rng.choice([1000000000, -message.nanos])
        return message

    def fill_FieldMask(self, message, depth):
        for _ in range(self.rng.choice([0, 1, 2, 4])):
            message.paths.append(self.rng.choice(
                ["a", "foo_bar", "foo.bar_baz", "x1", "a_b_c.d", "", "fooBar", "a__b", "a_1", "z_"]
                if self.rng.random() < 0.1 else ["a", "foo_bar", "foo.bar_baz", "x1", "a_b_c.d"]))
        return message

    def fill_Value(self, message, depth):
        rng = self.rng
        kind = rng.randrange(7 if depth < 6 else 4)
        if kind == 0:
            message.null_value = 0
        elif kind == 1:
            message.number_value = rng.choice([d for d in DOUBLES if math.isfinite(d)])
            if rng.random() < 0.02:
                message.number_value = math.inf
        elif kind == 2:
            message.string_value = rng.choice(STRINGS)
        elif kind == 3:
            message.bool_value = rng.random() < 0.5
        elif kind == 4:
            message.struct_value.SetInParent()
            self.fill_Struct(message.struct_value, depth + 1)
        elif kind == 5:
            message.list_value.SetInParent()
            self.fill_ListValue(message.list_value, depth + 1)
        return message

    def fill_Struct(self, message, depth):
        for _ in range(self.rng.choice([0, 1, 2, 3])):
            self.fill_Value(message.fields[self.rng.choice(STRINGS)], depth + 1)
        return message

    def fill_ListValue(self, message, depth):
        for _ in range(self.rng.choice([0, 1, 2, 3])):
            self.fill_Value(message.values.add(), depth + 1)
        return message


def closed(enum):
    return enum.is_closed if hasattr(enum, "is_closed") else enum.file.syntax == "proto2"


class Field:
    """One face for the field descriptors of protobuf 4 to 7."""

    def __init__(self, raw):
        self.raw = raw
        repeated = raw.is_repeated if hasattr(raw, "is_repeated") else raw.label == 3
        required = raw.is_required if hasattr(raw, "is_required") else raw.label == 2
        self.label_repeated = repeated
        self.label_required = required
        self.is_map = bool(repeated and raw.message_type is not None
                           and raw.message_type.GetOptions().map_entry)

    def __getattr__(self, name):
        return getattr(self.raw, name)


class World:
    """All types: in Python's pool, and as one descriptor set for prong."""

    def __init__(self, rng):
        self.pool = descriptor_pool.DescriptorPool()
        installed = installed_files()
        made = [FileMaker(rng, i, "proto2" if i % 3 == 2 else "proto3").make() for i in range(36)]
        self.set = descriptor_pb2.FileDescriptorSet()
        self.names = []
        self.proto2 = set()
        for file in installed + made:
            self.pool.AddSerializedFile(file.SerializeToString())
            self.set.file.append(file)
            self.names += all_messages(file)
            if file.syntax != "proto3":
                self.proto2.update(all_messages(file))
        self.classes = {}
        self.extensions = collections.defaultdict(list)
        self.cache = {}
        for file in made:
            self.find_extensions(file)
        self.names = [n for n in self.names if not self.is_message_set(n)]

    def find_extensions(self, file):
        names = [x.name for x in file.extension]
        for message in file.message_type:
            names += ["%s.%s" % (message.name, x.name) for x in message.extension]
        for name in names:
            raw = self.pool.FindExtensionByName("%s.%s" % (file.package, name))
            self.extensions[raw.containing_type.full_name].append(Field(raw))

    def is_message_set(self, name):
        return self.pool.FindMessageTypeByName(name).GetOptions().message_set_wire_format

    def fields(self, descriptor):
        if descriptor.full_name not in self.cache:
            self.cache[descriptor.full_name] = [Field(f) for f in descriptor.fields]
        return self.cache[descriptor.full_name]

    def new(self, name):
        if name not in self.classes:
            self.classes[name] = message_factory.GetMessageClass(
                self.pool.FindMessageTypeByName(name))
        return self.classes[name]()


# MARK: spoiling

class Pairs(list):
    """An object as a list of pairs, so that a key can stand in it twice."""


def parsed(text):
    return json.loads(text, object_pairs_hook=Pairs)


PALETTE = [
    None, True, False, 0, 1, -1, 1.5, 1e3, 2147483648, -2147483649, 4294967296, 1e19, 1e400, -0.0,
    3.5e38, 9223372036854775808, 18446744073709551616, "", "1", "-1", "+1", "01", "1.0", "1e2",
    "1.5", " 1", "1 ", "1_0", "0x1", "NaN", "nan", "Infinity", "-Infinity", "inf", "true", "false",
    "abc", "YWJj", "YWJjZA==", "YWJjZA", "_-8=", "/+8", "a", "a===", "YW Jj", "2020-01-01T00:00:00Z",
    "2020-02-30T00:00:00Z", "2020-01-01T00:00:00+01:30", "2020-01-01t00:00:00Z",
    "2020-01-01T00:00:00.1234567890Z", "2020-1-1T0:0:0Z", "0001-01-01T00:00:00+00:01", "1s",
    "-1.5s", "1.0000000001s", "1.s", ".5s", "+1s", "315576000001s", "fooBar,b.c", "foo_bar", "a,,b",
    [], [None], [1, 2], ["a"], [[]], Pairs(), Pairs([("a", 1)]), Pairs([("a", 1), ("a", 2)]),
    Pairs([("@type", "type.googleapis.com/google.protobuf.Duration"), ("value", "1s")]),
    Pairs([("value", "1s"), ("@type", "type.googleapis.com/google.protobuf.Duration")]),
    Pairs([("@type", "type.googleapis.com/google.protobuf.Empty")]),
    Pairs([("@type", "type.googleapis.com/google.protobuf.Empty"), ("x", 1)]),
    Pairs([("@type", "type.googleapis.com/nobody.Knows")]), Pairs([("@type", 5)]),
    Pairs([("@type", "google.protobuf.BoolValue"), ("value", True)]),
    Pairs([("@type", "type.googleapis.com/google.protobuf.Any"), ("value", Pairs())]),
]


class Spoiler:
    def __init__(self, rng):
        self.rng = rng

    def places(self, value, found, parent=None, key=None):
        found.append((parent, key))
        if isinstance(value, Pairs):
            for index, (_, item) in enumerate(value):
                self.places(item, found, value, index)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self.places(item, found, value, index)
        return found

    def spoil(self, root):
        """Changes one place; returns the new root."""
        rng = self.rng
        parent, key = rng.choice(self.places(root, []))
        if parent is None:
            return copy.deepcopy(rng.choice(PALETTE)) if rng.random() < 0.3 else self.member(root)
        action = rng.random()
        current = parent[key][1] if isinstance(parent, Pairs) else parent[key]
        if isinstance(parent, Pairs):
            name = parent[key][0]
            if action < 0.45:
                parent[key] = (name, self.near(current))
            elif action < 0.55:
                parent.append((name, copy.deepcopy(current)))
            elif action < 0.65:
                parent.append((re.sub("([A-Z])", lambda m: "_" + m.group(1).lower(), name), copy.deepcopy(current)))
            elif action < 0.8:
                renamed = rng.choice([
                    name + "x", name.upper(), re.sub("([A-Z])", lambda m: "_" + m.group(1).lower(), name),
                    "[%s]" % name, ""])
                parent[key] = (renamed, current)
            elif action < 0.9:
                del parent[key]
            else:
                rng.shuffle(parent)
        elif action < 0.7:
            parent[key] = self.near(current)
        else:
            parent.insert(key, copy.deepcopy(rng.choice(PALETTE)))
        return root

    def member(self, root):
        if isinstance(root, Pairs):
            root.append((self.rng.choice(["x", "@type", "value", "fooBar"]), copy.deepcopy(self.rng.choice(PALETTE))))
        return root

    def near(self, value):
        """Another form of the same value, or something else."""
        rng = self.rng
        if rng.random() < 0.4:
            return copy.deepcopy(rng.choice(PALETTE))
        if isinstance(value, bool):
            return rng.choice([not value, str(value).lower(), int(value)])
        if isinstance(value, (int, float)):
            return rng.choice([str(value), value + 1, float(value), -value, [value], "%e" % value])
        if isinstance(value, str) and re.fullmatch("-?[0-9]+", value) and len(value) < 25:
            return rng.choice([int(value), float(value), value + ".0", value + "e0", "0" + value,
                               value + ".5", int(value) * 10])
        if isinstance(value, str):
            return rng.choice([value + "x", value[:-1], value.replace("+", "-").replace("/", "_"),
                               value.rstrip("="), [value], 5, value.lower(), value.swapcase()])
        return copy.deepcopy(rng.choice(PALETTE))


class Printer:
    """Writes JSON in one of the many ways in which it can be written."""

    def __init__(self, rng):
        self.rng = rng
        self.loose = rng.random() < 0.3

    def space(self):
        return self.rng.choice(["", "", " ", "\n", "\t \r\n"]) if self.loose else ""

    def text(self, value):
        rng = self.rng
        if isinstance(value, Pairs):
            body = ",".join("%s%s%s:%s" % (self.space(), self.string(k), self.space(), self.text(v))
                            for k, v in value)
            return "{" + body + self.space() + "}"
        if isinstance(value, list):
            return self.space() + "[" + ",".join(self.text(v) for v in value) + self.space() + "]"
        if isinstance(value, str):
            return self.space() + self.string(value)
        if isinstance(value, bool) or value is None:
            return self.space() + json.dumps(value)
        if isinstance(value, float) and not math.isfinite(value):
            return rng.choice(["1e400", "-1e999"]) if not math.isnan(value) else "NaN"
        if isinstance(value, int) and self.loose and rng.random() < 0.3:
            return "%d%s" % (value, rng.choice([".0", "e0", "E+00", "0e-1"]))
        return self.space() + json.dumps(value)

    def string(self, value):
        if not self.loose:
            return json.dumps(value, ensure_ascii=self.rng.random() < 0.5)
        out = []
        for letter in value:
            if self.rng.random() < 0.15 and ord(letter) < 0x10000:
                out.append("\\u%04x" % ord(letter))
            else:
                out.append(json.dumps(letter, ensure_ascii=False)[1:-1])
        return '"%s"' % "".join(out)


def spoil_bytes(rng, data, palette):
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 4])):
        at = rng.randrange(len(data) + 1)
        action = rng.randrange(4)
        if action == 0:
            data[at:at] = rng.choice(palette)
        elif action == 1 and data:
            del data[at:at + rng.choice([1, 1, 2, 8])]
        elif action == 2 and at < len(data):
            data[at] = rng.choice(rng.choice(palette)) if rng.random() < 0.7 else rng.randrange(256)
        elif action == 3:
            other = rng.randrange(len(data) + 1)
            data[at:at] = data[min(at, other):max(at, other)][:40]
    return bytes(data)


JSON_BITS = [b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u12", b"\\ud800", b"\xff", b"\xc3",
             b" ", b"0", b"-", b"e5", b".", b"true", b"null", b"\x00", b"\n", b"/**/", b"'", b"NaN",
             b'"a":1,', b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe4\xb8\xad"]
WIRE_BITS = [b"\x08\x01", b"\x0a\x00", b"\x0a\x03abc", b"\x12\x01\xff", b"\x80", b"\x00", b"\xff",
             b"\x0d\0\0\0\0", b"\x09\0\0\0\0\0\0\0\0", b"\x0b\x0c", b"\x0c", b"\xfa\xff\xff\xff\x0f\x00",
             b"\xff" * 9 + b"\x01", b"\xff" * 10, b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x03",
             b"\x0f", b"\x18\x80\x80\x00", b"\x22\x02\x08\x05", b"\x1a\x80\x01"]


# MARK: the two sides

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


# MARK: verdicts

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
        r"-?\d+(\.\d{1,9})?s", v)),
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


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value & (2**64 - 1), at


def put_varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


WIRE_TYPES = {1: 1, 2: 5, 6: 1, 7: 5, 9: 2, 10: 3, 11: 2, 12: 2, 15: 5, 16: 1}


def group_end(data, at):
    """Where the fields of the group that begins at `at` end, and what follows its end."""
    while True:
        start = at
        tag, at = varint(data, at)
        if tag & 7 == 4:
            return start, at
        at = group_end(data, at)[1] if tag & 7 == 3 else after_value(data, at, tag & 7)


def after_value(data, at, kind):
    if kind == 2:
        length, at = varint(data, at)
        return at + length
    return varint(data, at)[1] if kind == 0 else at + (8 if kind == 1 else 4)


def plain_entries(descriptor, data, only=None):
    """The message without what is unknown in the entries of its maps."""
    out = bytearray()
    at = 0
    try:
        while at < len(data):
            start = at
            tag, at = varint(data, at)
            number, kind = tag >> 3, tag & 7
            body = varint(data, at)[1] if kind == 2 else at
            if kind == 3:
                stop, at = group_end(data, at)
            else:
                stop = at = after_value(data, at, kind)
            field = descriptor.fields_by_number.get(number)
            if only and (field is None or kind != WIRE_TYPES.get(field.type, 0)):
                continue
            if field is not None and field.message_type is not None and kind in (2, 3):
                inner = plain_entries(field.message_type, data[body:stop],
                                      only=field.message_type.GetOptions().map_entry)
                out += put_varint(tag) + (put_varint(len(inner)) if kind == 2 else b"") + inner
                out += data[stop:at]
            else:
                out += data[start:at]
    except IndexError:
        return bytes(data)
    return bytes(out)


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
        plain = plain_entries(world.pool.FindMessageTypeByName(question.name), question.data)
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


# MARK: cases

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


def main():
    options = argparse.ArgumentParser()
    options.add_argument("tool")
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    options.add_argument("--cases", type=int, default=30000)
    options.add_argument("--show", type=int, default=5)
    options = options.parse_args()
    print("seed %d" % options.seed)
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
    for question in questions:
        encodes = question.kind == "J"
        expected = (python_encode if encodes else python_decode)(world, question)
        accepted[question.kind, expected[0]] += 1
        try:
            name = (judge_encode if encodes else judge_decode)(world, question, expected)
            if name is not None:
                met[name] += 1
                if name not in known:
                    raise Disagreement("\"%s\" is not in disagreements.json" % name)
        except Disagreement as fault:
            faults.append((question, fault))
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
