"""The rules of the routing header, written down a second time: from a method's options and a
request to the header's value, by AIP-4222 and as Google's Python clients write it."""

import re
import urllib.parse

from google.api import annotations_pb2, routing_pb2
from filling import python_name
from gapicsets import options


def routing_header(method, request):
    """The value for a request, or None; `method` is a MethodDescriptorProto."""
    if method.client_streaming:
        return None
    if method.options.HasExtension(routing_pb2.routing):
        found = {}
        for parameter in method.options.Extensions[routing_pb2.routing].routing_parameters:
            name, value = matched(parameter, value_at(request, parameter.field))
            if value:
                found[name] = value
        return encoded(found) if found else None
    if method.options.HasExtension(annotations_pb2.http):
        path = options.path_of(method.options.Extensions[annotations_pb2.http])
        names = re.findall(r"\{([^=}]*)", path)
        if names:
            return encoded({name: value_at(request, name) for name in names})
    return None


def matched(parameter, value):
    """(name, what is captured) of one routing parameter; the capture is empty where none is."""
    if not parameter.path_template:
        return parameter.field, value
    pattern, name = "", None
    for part in re.split(r"(\{[^}]*\}|/\*\*$|\*\*|\*)", parameter.path_template):
        if part.startswith("{"):
            name, _, inner = part[1:-1].partition("=")
            pattern += f"({wildcards(inner or '*')})"
        else:
            pattern += wildcards(part)
    found = re.match(f"^{pattern}$", value)
    return name, found[1] if found else ""


def wildcards(template):
    """The pattern of a template without names: `**` is anything, `*` one part of a path."""
    parts = {"/**": "(?:/.*)?", "**": ".*", "*": "[^/]+"}
    return "".join(parts.get(each) or re.escape(each)
                   for each in re.split(r"(/\*\*|\*\*|\*)", template))


def value_at(message, path):
    for name in path.split("."):
        message = getattr(message, python_name(message, name))
    return message


def encoded(values):
    return urllib.parse.urlencode(values, safe="/")
