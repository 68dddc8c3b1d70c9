"""Random requests for a client's methods. What ends up in the routing header gets values that match
a path template, that do not, that are empty, and that hold what must be escaped; the rest of a
message gets a few fields of every kind. The same random generator makes the same requests."""

from google.api import annotations_pb2, routing_pb2
from gapicsets import options
from gapicsets.clients import pb_class

# Words for one part of a resource name. A line feed means something to the expressions that
# explicit routing matches with.
PLAIN = ("p", "my-project-1", "us-central1", "123456", "-", "sa@p.iam.gserviceaccount.com")
AWKWARD = ("a b", "é", "日本", "x~y", "50%", "a+b", "k=v&l", "(1)*", "…/", "a:b;c,d", "#?",
           "\U0001f511", "p\n")
WHOLE = ("", "", "projects", "/", "//", "projects/", "/projects/p", "projects/p/", "no such form",
         "projects/p/locations", "a/b/c/d/e/f/g", "%2F", "x" * 300, "é" * 40, "\n", "a\nb",
         "p/q\n", "\t\x01\x7f")
# What of a request is filled, beside what is routed by: of its fields, and how deep.
FILLED = 0.4
DEPTH = 3
# Messages that JSON writes otherwise, with something that JSON can write; the others of protobuf's
# own stay empty, but wrappers (BoolValue, …) are like any message.
WELL_KNOWN = {
    "google.protobuf.FieldMask": lambda mask: mask.paths.extend(["name", "a_b.c_d"]),
    "google.protobuf.Timestamp": lambda time: time.FromJsonString("2024-02-29T23:59:59.000001Z"),
    "google.protobuf.Duration": lambda span: span.FromJsonString("-1.5s"),
    "google.protobuf.Struct": lambda struct: struct.update({"a b": [1.5, None, {"é": True}]}),
    "google.protobuf.Value": lambda value: setattr(value, "string_value", "é"),
    "google.protobuf.ListValue": lambda values: values.extend(["a", 1, None]),
}
LEFT_EMPTY = ("google.protobuf.",)
SPECIAL_NUMBERS = {
    "int": (0, 1, -1, 2**31 - 1, -2**31), "long": (0, 1, -1, 2**63 - 1, -2**63),
    "uint": (0, 1, 2**32 - 1), "ulong": (0, 1, 2**64 - 1),
    "float": (0.0, -1.5, 0.1, 1e30), "real": (0.0, -1.5, 0.1, 1e300),
}
# What the libraries fill in by themselves where it is empty, with something new each time.
FILLED_BY_CLIENTS = "request_id"


class Filler:
    def __init__(self, rng):
        self.rng = rng

    def word(self):
        return self.rng.choice(self.rng.choice((PLAIN, PLAIN, AWKWARD)))

    def resource(self, template):
        """A value that a template's variable takes, mostly."""
        parts = []
        for part in template.split("/"):
            if part == "**":
                parts += [self.word() for _ in range(self.rng.randrange(4))]
            else:
                parts.append(part.replace("*", self.word()))
        return "/".join(parts)

    def routed(self, template):
        """A value for a field that is routed by."""
        kind = self.rng.randrange(10)
        if kind < 5 and template:
            return self.resource(template)
        return self.word() if kind < 8 else self.rng.choice(WHOLE)

    def request(self, method, rules, filled=FILLED):
        """A request for a method; `rules` are the fields it is routed by."""
        message = pb_class(method.request_class)()
        if filled:
            self.fill(message, filled, DEPTH)
        if FILLED_BY_CLIENTS in message.DESCRIPTOR.fields_by_name:
            setattr(message, FILLED_BY_CLIENTS, "9b6c2a51-7d4e-4f0a-8c3b-2e1f5a6d7c80")
        for field, templates in rules.items():
            put(message, field, self.routed(self.rng.choice(templates)))
        return message

    def fill(self, message, filled, depth):
        for field in message.DESCRIPTOR.fields:
            if self.rng.random() < filled:
                self.fill_field(message, field, filled, depth)

    def fill_message(self, message, filled, depth):
        name = message.DESCRIPTOR.full_name
        if name in WELL_KNOWN:
            WELL_KNOWN[name](message)
        elif depth and (not name.startswith(LEFT_EMPTY) or name.endswith("Value")):
            self.fill(message, filled, depth)

    def fill_field(self, message, field, filled, depth):
        is_map = field.message_type and field.message_type.GetOptions().map_entry
        if is_map:
            self.fill_map(message, field, filled, depth)
        elif field.message_type:
            for _ in range(self.rng.randrange(1, 3) if field.is_repeated else 1):
                inner = getattr(message, field.name)
                inner = inner.add() if field.is_repeated else inner
                inner.SetInParent()
                self.fill_message(inner, filled, depth - 1)
        elif field.is_repeated:
            getattr(message, field.name).extend(
                self.scalar(field) for _ in range(self.rng.randrange(1, 4)))
        else:
            setattr(message, field.name, self.scalar(field))

    def fill_map(self, message, field, filled, depth):
        key, value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
        # One entry: more would be put on the wire in any order, which no comparison should see.
        where = getattr(message, field.name)
        if value.message_type is None:
            where[self.scalar(key)] = self.scalar(value)
        else:
            self.fill_message(where[self.scalar(key)], filled, depth - 1)

    def scalar(self, field):
        kind = field.cpp_type
        if kind == field.CPPTYPE_STRING:
            is_bytes = field.type == field.TYPE_BYTES
            return bytes(self.rng.randbytes(self.rng.randrange(20))) if is_bytes else self.word()
        if kind == field.CPPTYPE_BOOL:
            return self.rng.random() < 0.5
        if kind == field.CPPTYPE_ENUM:
            return self.rng.choice(field.enum_type.values).number
        names = {field.CPPTYPE_INT32: "int", field.CPPTYPE_INT64: "long",
                 field.CPPTYPE_UINT32: "uint", field.CPPTYPE_UINT64: "ulong",
                 field.CPPTYPE_FLOAT: "float"}
        return self.rng.choice(SPECIAL_NUMBERS[names.get(kind, "real")])


def python_name(message, name):
    """What a field is called in a generated client: `object` is `object_` there."""
    return name if name in message.DESCRIPTOR.fields_by_name else name + "_"


def put(message, path, text):
    """Sets the field `a.b` to a text."""
    *outer, last = path.split(".")
    for name in outer:
        message = getattr(message, python_name(message, name))
    setattr(message, python_name(message, last), text)


def routing_rules(method_options):
    """Field -> the templates that its values may have, by a method's options."""
    rules = {}
    if method_options.HasExtension(routing_pb2.routing):
        for parameter in method_options.Extensions[routing_pb2.routing].routing_parameters:
            template = parameter.path_template.replace("{", "").replace("}", "")
            # `{bucket=projects/*/buckets/*}/**`: the name of the variable is no part of the value.
            template = "/".join(part.rpartition("=")[2] for part in template.split("/"))
            rules.setdefault(parameter.field, []).append(template)
        return rules
    if method_options.HasExtension(annotations_pb2.http):
        path = options.path_of(method_options.Extensions[annotations_pb2.http])
        for name, template in variables(path):
            rules[name] = [template]
    return rules


def variables(path):
    """(field, template) of every `{field=template}` of an HTTP path."""
    for piece in path.split("{")[1:]:
        name, _, template = piece.partition("}")[0].partition("=")
        yield name, template
