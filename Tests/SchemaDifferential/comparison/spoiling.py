"""Spoils JSON texts and protobuf bytes, and writes JSON in its many forms."""

import copy
import json
import math
import re

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
