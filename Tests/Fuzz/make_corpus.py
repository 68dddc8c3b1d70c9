#!/usr/bin/env python3
"""Writes the first inputs of the fuzz targets into corpus/, and types.binpb, the descriptor set of
fuzz.Everything, a message with a field of every kind. Run it again only to change them: what
fuzzing found since is kept beside them.

  make_corpus.py        needs protobuf
"""

import os
import struct

from google.protobuf import (
    any_pb2, descriptor_pb2, descriptor_pool, duration_pb2, field_mask_pb2, json_format,
    message_factory, struct_pb2, timestamp_pb2, wrappers_pb2, empty_pb2)

HERE = os.path.dirname(os.path.abspath(__file__))
F = descriptor_pb2.FieldDescriptorProto
SCALARS = ["double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string",
           "bytes", "uint32", "sfixed32", "sfixed64", "sint32", "sint64"]
KNOWN = ["Any", "Duration", "FieldMask", "Struct", "Value", "ListValue", "Timestamp", "Empty",
         "DoubleValue", "Int64Value", "StringValue", "BytesValue", "BoolValue"]
MODULES = [any_pb2, duration_pb2, field_mask_pb2, struct_pb2, timestamp_pb2, wrappers_pb2,
           empty_pb2]


def everything():
    file = descriptor_pb2.FileDescriptorProto(
        name="fuzz.proto", package="fuzz", syntax="proto3",
        dependency=[module.DESCRIPTOR.name for module in MODULES])
    color = file.enum_type.add(name="Color")
    for number, name in enumerate(("NONE", "RED", "BLUE")):
        color.value.add(name=name, number=number)
    message = file.message_type.add(name="Everything")
    number = 0

    def add(name, kind, **more):
        nonlocal number
        number += 1
        return message.field.add(
            name=name, number=number, type=kind, label=more.pop("label", F.LABEL_OPTIONAL), **more)

    for name in SCALARS:
        kind = F.Type.Value(f"TYPE_{name.upper()}")
        add(f"a_{name}", kind)
        add(f"many_{name}", kind, label=F.LABEL_REPEATED)
    for name in KNOWN:
        add(f"known_{name.lower()}", F.TYPE_MESSAGE, type_name=f".google.protobuf.{name}")
    add("a_color", F.TYPE_ENUM, type_name=".fuzz.Color")
    add("many_color", F.TYPE_ENUM, type_name=".fuzz.Color", label=F.LABEL_REPEATED)
    add("self", F.TYPE_MESSAGE, type_name=".fuzz.Everything")
    add("selves", F.TYPE_MESSAGE, type_name=".fuzz.Everything", label=F.LABEL_REPEATED)
    for key in ("string", "int32", "uint64", "bool"):
        name = f"By{key.capitalize()}Entry"
        entry = message.nested_type.add(name=name)
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=F.Type.Value(f"TYPE_{key.upper()}"),
                        label=F.LABEL_OPTIONAL)
        entry.field.add(name="value", number=2, type=F.TYPE_MESSAGE, label=F.LABEL_OPTIONAL,
                        type_name=".fuzz.Everything")
        add(f"by_{key}", F.TYPE_MESSAGE, type_name=f".fuzz.Everything.{name}",
            label=F.LABEL_REPEATED)
    message.oneof_decl.add(name="choice")
    add("choice_text", F.TYPE_STRING, oneof_index=0)
    add("choice_self", F.TYPE_MESSAGE, type_name=".fuzz.Everything", oneof_index=0)
    service = file.service.add(name="Fuzz")
    service.method.add(name="Call", input_type=".fuzz.Everything", output_type=".fuzz.Everything")
    return file


def descriptor_set(file):
    result = descriptor_pb2.FileDescriptorSet()
    for module in MODULES:
        module.DESCRIPTOR.CopyToProto(result.file.add())
    result.file.add().CopyFrom(file)
    return result.SerializeToString()


JSON = [
    '{}', '{"aDouble":1.5,"aFloat":"NaN","aInt64":"-9223372036854775808","aUint64":1e3}',
    '{"aString":"\\u00e9\\ud83d\\ude00","aBytes":"AAEC_-8","manyBool":[true,false]}',
    '{"knownTimestamp":"2030-01-02T03:04:05.123456789+01:00","knownDuration":"-3.5s"}',
    '{"knownStruct":{"a":[1,null,{"b":"c"}]},"knownValue":null,"knownListvalue":[[]]}',
    '{"knownAny":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}}',
    '{"knownAny":{"@type":"type.googleapis.com/fuzz.Everything","aInt32":1}}',
    '{"knownFieldmask":"a.b,cD","knownInt64value":"7","knownEmpty":{}}',
    '{"aColor":"RED","manyColor":["BLUE",0,17],"self":{"self":{"self":{}}}}',
    '{"byString":{"":{},"a":{"aBool":true}},"byInt32":{"-1":{}},"byBool":{"true":{}}}',
    '{"choiceText":"x","selves":[{},{"choiceSelf":{}}]}', ' [1, 2e400, "\\x"] ',
]
HTTP = [
    "GET /hello/you?q=a%20b HTTP/1.1\r\nHost: p\r\n\r\n",
    "POST /echo HTTP/1.1\r\nHost: p\r\nContent-Length: 5\r\n\r\nhello",
    "POST /echo HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\n",
    "POST /lines HTTP/1.1\r\nHost: p\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\na\nb\n",
    "GET /hello/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nHEAD /hello/b HTTP/1.1\r\nHost: p\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: p\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
    "POST /none HTTP/1.1\r\nHost: p\r\nContent-Length: 99999999999\r\n\r\n",
]
ENVELOPE = [
    '{"method":"a.B/C","request":{"x":[1,{"y":null}]}}',
    '{"method":"a.B/C","requestBase64":"AAEC","target":"t","priority":-100,"delay":"5s"}',
    '{"method":"a.B/C","request":{},"at":"2030-01-01T00:00:00Z","expires":"1h","timeout":"30s",'
    '"maxAttempts":20,"key":"k","batch":"b","metadata":{"x-team":"web"}}',
    '{"method":"a.B/C","request":{},"waitOperation":true,"pages":"all","cost":2}',
]


def fields(*pairs):
    """Fields of the link's encoding: numbers as varints, bytes with their length."""
    out = b""
    for number, value in pairs:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


SECRET = "fuzzed-secret-0123456789"
USER = (f'{{"type": "authorized_user", "client_id": "c", "client_secret": "{SECRET}",'
        f' "refresh_token": "{SECRET}", "quota_project_id": "q"}}')
KEY_FILES = [
    f'{{"type": "service_account", "client_email": "a@b", "private_key": "{SECRET}",'
    ' "private_key_id": "k", "token_uri": "https://localhost:8443/token"}',
    USER,
    '{"type": "impersonated_service_account", "delegates": ["d"], "source_credentials": '
    + USER + ', "service_account_impersonation_url": "https://h/v1/a:generateAccessToken"}',
    '{"type": "external_account", "audience": "a", "subject_token_type": "t", "client_id": "c",'
    ' "credential_source": {"url": "http://169.254.169.254/x", "headers": {"a": "b"},'
    ' "format": {"type": "json", "subject_token_field_name": "type"}},'
    ' "service_account_impersonation": {"token_lifetime_seconds": 700}}',
    '{"type": "external_account", "audience": "a", "subject_token_type":'
    ' "urn:ietf:params:aws:token-type:aws4_request", "credential_source": {"environment_id":'
    ' "aws1", "region_url": "http://169.254.169.254/z", "url": "http://169.254.169.254/r",'
    ' "imdsv2_session_token_url": "http://169.254.169.254/t", "regional_cred_verification_url":'
    ' "https://sts.{region}.amazonaws.com/a?b=c"}}']
ANSWERS = [
    'HTTP/1.1 200 OK\r\nContent-Length: 39\r\n\r\n{"access_token": "t", "expires_in": 3600}',
    'HTTP/1.1 200 OK\r\n\r\n{"accessToken": "t", "expireTime": "2030-01-01T00:00:00Z"}',
    'HTTP/1.1 400 No\r\nTransfer-Encoding: chunked\r\n\r\n1c\r\n{"error": "invalid_grant",'
    ' "er\r\n16\r\nror_description": "x"}\r\n0\r\n\r\n',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 No\r\n\r\n{"error": {"status": "S",'
    ' "message": "' + SECRET + '"}}']


def behind_lengths(choice, *parts):
    return bytes([choice]) + b"".join(struct.pack("<H", len(part)) + part for part in parts)


def reflections():
    """Answers to: which services, the file of a.S, the file that it imports."""
    first = descriptor_pb2.FileDescriptorProto(
        name="a.proto", package="a", syntax="proto3", dependency=["b.proto"])
    first.message_type.add(name="M")
    first.service.add(name="S").method.add(name="C", input_type=".a.M", output_type=".a.M")
    second = descriptor_pb2.FileDescriptorProto(name="b.proto", package="b", syntax="proto3")
    circle = descriptor_pb2.FileDescriptorProto(name="b.proto", dependency=["a.proto"])
    services = fields((6, fields((1, fields((1, b"a.S"))), (1, fields((1, b"grpc.health.v1.H"))))))
    one, two, three = (fields((4, fields((1, file.SerializeToString()))))
                       for file in (first, second, circle))
    both = fields((4, fields((1, first.SerializeToString()), (1, second.SerializeToString()))))
    refusal = fields((7, fields((1, 5), (2, b"not here"))))
    for choice in (0, 7):
        yield behind_lengths(choice, services, one, two)
        yield behind_lengths(choice, services, both)
        yield behind_lengths(choice, services, one, refusal)
        yield behind_lengths(choice, services, one, three)
    yield behind_lengths(8, refusal)
    yield behind_lengths(8)


def google_apis():
    """A template and a value; options and a request; a descriptor set and a request."""
    for template, value in ((b"projects/*/{a=instances/*}/**", b"projects/p/instances/i/x"),
                            (b"{a=**}", b"x/y\n"), (b"{a=*/*/**/x/**}/y", b"1/2/3/x/4/y")):
        yield behind_lengths(0, template, value)
    call = fields((1, b"projects/p/locations/l/x"), (2, b"\xc3\xa9%"), (3, fields((1, b"n"))),
                  (4, 7), (5, 1), (6, 3), (11, 1), (12, b"https://h/v1/projects/p/zones/z/o"))
    http = fields((72295728, fields((4, b"/v1/{parent=p/*}/{self.self.name}:{count}{on}"))))
    routing = fields((72295729, fields((2, fields((1, b"name"), (2, b"{p=projects/*}/**"))),
                                       (2, fields((1, b"self.name"))))))
    operation = fields((1049, fields((1, b"R"), (2, b"a.M"))))
    for options in (http, routing, operation, b""):
        yield behind_lengths(1, options, call)
    file = descriptor_pb2.FileDescriptorProto(
        name="o.proto", package="google.longrunning", syntax="proto3")
    message = file.message_type.add(name="Operation")
    for number, name in enumerate(("name", "page_token", "next_page_token"), 1):
        message.field.add(name=name, number=number, type=F.TYPE_STRING, label=F.LABEL_OPTIONAL)
    message.field.add(name="page_size", number=4, type=F.TYPE_INT32, label=F.LABEL_OPTIONAL)
    message.field.add(name="items", number=5, type=F.TYPE_MESSAGE, label=F.LABEL_REPEATED,
                      type_name=".google.longrunning.Operation")
    method = file.service.add(name="S").method.add(
        name="C", input_type=".google.longrunning.Operation",
        output_type=".google.longrunning.Operation")
    method.options.MergeFromString(http + operation)
    types = descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString()
    any_value = fields((1, b"type.googleapis.com/google.longrunning.R"), (2, b"r"))
    yield behind_lengths(2, types, fields((1, b"operations/o"), (3, 1), (5, any_value)))
    yield behind_lengths(2, types, fields((1, b"o"), (3, 1), (4, fields((1, 5), (2, b"no")))))


def frames():
    inner = fields((1, 1), (2, 2), (3, b"text"), (4, fields((1, 5), (2, b"a"))), (5, 300))
    bodies = [b"", fields((1, 1)), fields((1, inner), (1, inner)), inner]
    for kind in list(range(1, 8)) + list(range(16, 20)) + list(range(32, 36)):
        yield b"".join(struct.pack("<IB", len(body), kind) + body for body in bodies)
    for kind in list(range(1, 10)) + list(range(129, 136)):
        yield bytes([kind]) + struct.pack("<I", 7) + bytes(range(1, 60))


def write(target, inputs):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    for index, data in enumerate(inputs):
        with open(os.path.join(folder, f"seed-{index:02}"), "wb") as out:
            out.write(data if isinstance(data, bytes) else data.encode())


def main():
    file = everything()
    types = descriptor_set(file)
    with open(os.path.join(HERE, "types.binpb"), "wb") as out:
        out.write(types)
    pool = descriptor_pool.DescriptorPool()
    for module in MODULES:
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName("fuzz.Everything"))
    wires = []
    for text in JSON:
        try:
            wires.append(json_format.Parse(text, kind(), descriptor_pool=pool)
                         .SerializeToString())
        except json_format.ParseError:
            pass
    small = descriptor_pb2.FileDescriptorSet()
    small.file.add().CopyFrom(descriptor_pb2.FileDescriptorProto(
        name="a.proto", package="a", syntax="proto3"))
    two = small.file[0]
    two.message_type.add(name="M").field.add(
        name="f", number=1, type=F.TYPE_STRING, label=F.LABEL_OPTIONAL)
    two.service.add(name="S").method.add(name="C", input_type=".a.M", output_type=".a.M")
    write("json-to-wire", JSON)
    write("wire-to-json", wires)
    write("descriptors", [types, small.SerializeToString(), b""])
    write("http", HTTP)
    write("envelope", ENVELOPE)
    write("link", list(frames()))
    write("key-file", KEY_FILES)
    write("token-answer", ANSWERS)
    write("reflection", reflections())
    write("google-api", google_apis())
    with open(os.path.join(HERE, "../../Config/prong.toml"), "rb") as config:
        write("toml", [config.read(), b"workers = 2\n[targets.a]\naddress = \"b:1\"\n"
                       b"idempotent = [\"*/Get*\"]\nmetadata = { \"x\" = \"y\" }\n",
                       b"[defaults]\njob_retry = { attempts = 2, initial = \"1s\" }\n"])


if __name__ == "__main__":
    main()
