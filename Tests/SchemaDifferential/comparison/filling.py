"""Random messages, with the values at which implementations differ."""

import math
import struct

from .types import FD, WELL_KNOWN, closed

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
