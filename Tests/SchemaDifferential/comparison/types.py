"""The message types: random ones, and those of the Python packages that are there."""

import collections
import importlib
import pkgutil
import re

from google.protobuf import descriptor, descriptor_pb2, descriptor_pool, message_factory

FD = descriptor.FieldDescriptor

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
