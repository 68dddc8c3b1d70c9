"""The options of a service and of its methods, as the .proto had them, from what a client does."""

import importlib
import inspect
import re
import urllib.parse

from google.api import annotations_pb2, client_pb2, http_pb2, routing_pb2
from google.longrunning import operations_pb2

from .routing import explicit_rule

ROUTING_HEADER = "x-goog-request-params"
VERSION_HEADER = "x-goog-api-version"
# HttpRule's own word for "whatever HTTP method": it carries the names of the routing header and
# claims nothing about HTTP, where the client does not say what the .proto had.
ANY_VERB = "*"
VERBS = ("get", "put", "post", "delete", "patch")
# Parameters of every client method that are no fields of the request.
NOT_FIELDS = ("self", "request", "requests", "retry", "timeout", "metadata")


def http_tables(version, service):
    """Name of the method -> what its REST twin says of HTTP; empty for a client without REST."""
    try:
        module = importlib.import_module(f"{version}.services.{service}.transports.rest_base")
    except ImportError:
        return {}
    found = {}
    for _, transport in inspect.getmembers(module, inspect.isclass):
        if transport.__module__ != module.__name__:
            continue
        for name, inner in vars(transport).items():
            if name.startswith("_Base") and hasattr(inner, "_get_http_options"):
                found[name.removeprefix("_Base")] = inner._get_http_options()
    return found


def http_rule(table):
    bindings = [http_binding(entry["method"], entry["uri"], entry.get("body", ""))
                for entry in table]
    rule = bindings[0]
    rule.additional_bindings.extend(bindings[1:])
    return rule


def http_binding(verb, path, body=""):
    binding = http_pb2.HttpRule(body=body)
    if verb in VERBS:
        setattr(binding, verb, path)
    else:
        binding.custom.kind, binding.custom.path = verb, path
    return binding


def path_of(rule):
    """The path of a rule's primary binding."""
    kind = rule.WhichOneof("pattern")
    return rule.custom.path if kind == "custom" else getattr(rule, kind)


def names_in(rule):
    """The fields that a rule's primary binding puts into the routing header, in their order."""
    return re.findall(r"\{(.*?)[=}]", path_of(rule))


def routing_names(sent):
    """The names that a client puts into the routing header of an empty request."""
    header = sent.header(ROUTING_HEADER)
    if header is None:
        return []
    return [name for name, _ in urllib.parse.parse_qsl(header, keep_blank_values=True)]


def fill_method(client, method, table, options):
    """All that the client's code says of a method. `table` is http_tables' entry, or None."""
    rule = http_rule(table) if table else None
    function = client.function(method)
    if function is not None:
        explicit = explicit_rule(function)
        if explicit is not None:
            options.Extensions[routing_pb2.routing].CopyFrom(explicit)
        elif not method.client_streaming:
            rule = agreeing(rule, routing_names(client.sent(method)))
        signature = method_signature(function, method)
        if signature:
            options.Extensions[client_pb2.method_signature].append(signature)
        types = client.operation_types(method)
        if types is not None:
            info = options.Extensions[operations_pb2.operation_info]
            info.response_type, info.metadata_type = types.response, types.metadata
    if rule is not None:
        options.Extensions[annotations_pb2.http].CopyFrom(rule)


def agreeing(rule, names):
    """A rule whose primary binding names what the client sends: the one there is, if it does. Only
    a binding can say this: google.api.routing leaves empty fields out, and the client does not."""
    if not names or (rule is not None and names_in(rule) == names):
        return rule
    primary = http_binding(ANY_VERB, "/" + "/".join("{%s}" % name for name in names))
    if rule is not None:
        others = list(rule.additional_bindings)
        del rule.additional_bindings[:]
        primary.additional_bindings.extend([rule, *others])
    return primary


def method_signature(function, method):
    """The fields that the client takes as arguments. Where the .proto had several signatures, this
    is all of them in one: the client does not tell them apart."""
    fields = method.request.fields_by_name
    names = [name for name in inspect.signature(function).parameters if name not in NOT_FIELDS]
    return ",".join(name.rstrip("_") for name in names if name in fields)


def fill_service(client, options):
    transport = client.transport_class
    options.Extensions[client_pb2.default_host] = transport.DEFAULT_HOST
    options.Extensions[client_pb2.oauth_scopes] = ",".join(transport.AUTH_SCOPES)
    version = api_version(client)
    if version:
        options.Extensions[client_pb2.api_version] = version


def api_version(client):
    """The version that the client names with every call, or None."""
    sent = (client.sent(method) for method in client.own_methods if client.function(method))
    return next((v for v in (call.header(VERSION_HEADER) for call in sent) if v), None)
