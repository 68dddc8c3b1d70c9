"""A FileDescriptorSet that links: messages as the clients hold them, services with their options,
and every import. What a Python package cannot tell is left out, never made up: comments,
annotations of fields, and how the .proto files were cut."""

import builtins
import importlib
import inspect
import keyword

import proto
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2, descriptor_pool

from . import options
from .clients import pb_class

# What the mixins are described in; with them comes what long-running operations answer with.
MIXIN_MODULES = {
    "google.longrunning.Operations": "google.longrunning.operations_pb2",
    "google.cloud.location.Locations": "google.cloud.location.locations_pb2",
    "google.iam.v1.IAMPolicy": "google.iam.v1.iam_policy_pb2",
}
# What clients route by where a mixin's own file has no rule for it: service, method -> field. The
# same in every set, also where a client does not offer the method: targets may have several sets.
UNRULED = {("google.longrunning.Operations", "WaitOperation"): "name"}
# Always there: what errors tell their details with.
ALWAYS = ("google.rpc.error_details_pb2", "google.rpc.status_pb2")
# The files that options of services and methods are defined in, by the option.
DEFINED_IN = {
    "google.api.http": "google.api.annotations_pb2",
    "google.api.routing": "google.api.routing_pb2",
    "google.longrunning.operation_info": "google.longrunning.operations_pb2",
}
OF_SERVICES = "google.api.client_pb2"
# The Python package calls one file otherwise than the world does.
RENAMED = {"google/longrunning/operations_proto.proto": "google/longrunning/operations.proto"}
# The generator puts an underscore behind a field's name that means something in Python.
RESERVED = frozenset(keyword.kwlist) | frozenset(dir(builtins))


def file_of(module):
    """The file of a generated module (x_pb2)."""
    return importlib.import_module(module).DESCRIPTOR


def name_of(file):
    return RENAMED.get(file.name, file.name)


class FileSet:
    """Collects files; `bytes` is the set, imports before what imports them."""

    def __init__(self):
        self.files = {}
        for module in ALWAYS:
            self.add(file_of(module))

    def add(self, file):
        """A file and all that it imports; gives its name."""
        name = name_of(file)
        if name in self.files:
            return name
        for imported in sorted(file.dependencies, key=name_of):
            self.add(imported)
        self.files[name] = as_written(file)
        return name

    def add_messages(self, module):
        """Every message and enum that a module of proto-plus holds."""
        for _, found in inspect.getmembers(module, inspect.isclass):
            if found.__module__ != module.__name__:
                continue
            if issubclass(found, proto.Message):
                self.add(pb_class(found).DESCRIPTOR.file)
            elif issubclass(found, proto.Enum) and found._meta.pb is not None:
                self.add(found._meta.pb.file)

    def add_services(self, client, tables):
        """The services that a client is for, and those it offers beside them."""
        for service in client.mixins:
            self.add(file_of(MIXIN_MODULES[service]))
        for service in sorted({method.service for method in client.own_methods}):
            self.add_service(client, service, tables)

    def add_service(self, client, full_name, tables):
        package, _, name = full_name.rpartition(".")
        file = descriptor_pb2.FileDescriptorProto(
            name=full_name.replace(".", "/") + ".service.proto", package=package, syntax="proto3")
        service = file.service.add(name=name)
        options.fill_service(client, service.options)
        imports = {self.add(file_of(OF_SERVICES))}
        for method in client.own_methods:
            if method.service == full_name:
                self.add_method(client, method, tables.get(method.name), service, imports)
        file.dependency.extend(sorted(imports))
        self.files[file.name] = file

    def add_method(self, client, method, table, service, imports):
        entry = service.method.add(
            name=method.name, input_type="." + method.request.full_name,
            output_type="." + method.response.full_name)
        if method.client_streaming:
            entry.client_streaming = True
        if method.server_streaming:
            entry.server_streaming = True
        options.fill_method(client, method, table, entry.options)
        imports |= {self.add(method.request.file), self.add(method.response.file)}
        used = (DEFINED_IN.get(field.full_name) for field, _ in entry.options.ListFields())
        imports |= {self.add(file_of(module)) for module in used if module}

    def set(self):
        """The whole, checked: every name in it is found, every import is there."""
        whole = descriptor_pb2.FileDescriptorSet(file=self.files.values())
        pool = descriptor_pool.DescriptorPool()
        for file in whole.file:
            pool.AddSerializedFile(file.SerializeToString())
        for file in whole.file:
            pool.FindFileByName(file.name)
        return whole


def as_written(file):
    """A file as it stood in the .proto, as far as Python changed it."""
    result = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(result)
    result.name = name_of(file)
    # proto-plus keeps imports in a set, in another order every time.
    names = [RENAMED.get(name, name) for name in result.dependency]
    result.dependency[:] = names if result.public_dependency else sorted(names)
    for message in result.message_type:
        restore_names(message)
    for service in result.service:
        add_rules(f"{result.package}.{service.name}", service)
    return result


def add_rules(full_name, service):
    for method in service.method:
        field = UNRULED.get((full_name, method.name))
        if field and not method.options.HasExtension(annotations_pb2.http):
            rule = options.agreeing(None, [field])
            method.options.Extensions[annotations_pb2.http].CopyFrom(rule)


def restore_names(message):
    for field in message.field:
        name = field.name.removesuffix("_")
        if name != field.name and name in RESERVED:
            field.name = field.json_name = name
    for nested in message.nested_type:
        restore_names(nested)
