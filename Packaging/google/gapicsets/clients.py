"""One generated client: its methods, their message types, the timeouts and retries it was made
with, and what it sends for a request. Everything is observed on the live client; only what cannot
be observed is read from its code (see routing)."""

import contextlib
import dataclasses
import inspect
import typing

import grpc
import proto
from google.api_core import gapic_v1, operation
from google.protobuf import empty_pb2

from .channel import RecordingChannel, Stub
from .refusal import Refusal

# Services that many clients offer beside their own, with real descriptors of their own.
MIXINS = (
    "google.longrunning.Operations", "google.cloud.location.Locations", "google.iam.v1.IAMPolicy")


@dataclasses.dataclass
class Method:
    """A method as the client knows it. `retry` is google.api_core's, or None."""

    python_name: str
    service: str
    name: str
    request_class: type
    response_class: type
    client_streaming: bool
    server_streaming: bool
    retry: object = None
    timeout: float | None = None

    @property
    def full_name(self):
        return f"{self.service}/{self.name}"

    @property
    def request(self):
        return descriptor_of(self.request_class)

    @property
    def response(self):
        return descriptor_of(self.response_class)


@dataclasses.dataclass
class OperationTypes:
    response: str
    metadata: str


def pb_class(message_class):
    """protobuf's own class of a message, also where proto-plus wraps it."""
    is_wrapped = isinstance(message_class, type) and issubclass(message_class, proto.Message)
    return message_class.pb() if is_wrapped else message_class


def descriptor_of(message_class):
    return pb_class(message_class).DESCRIPTOR


@contextlib.contextmanager
def replaced(owner, name, stand_in):
    """A function of a library replaced for a while."""
    original = getattr(owner, name)
    setattr(owner, name, stand_in)
    try:
        yield original
    finally:
        setattr(owner, name, original)


class Client:
    """A client on a channel: by default the one that records."""

    def __init__(self, client_class, channel=None):
        self.client_class = client_class
        try:
            self.transport_class = client_class.get_transport_class("grpc")
        except KeyError:
            raise Refusal(f"{client_class.__name__} has no gRPC transport") from None
        self.channel = channel or RecordingChannel()
        policies = {}
        wrap = gapic_v1.method.wrap_method

        def observe(function, default_retry=None, default_timeout=None, **others):
            policies[id(function)] = (default_retry, default_timeout)
            return wrap(
                function, default_retry=default_retry, default_timeout=default_timeout, **others)

        # Interceptors (for logging) would stand between the client and what is recorded.
        with replaced(gapic_v1.method, "wrap_method", observe), \
                replaced(grpc, "intercept_channel", lambda channel, *_: channel):
            self.transport = self.transport_class(channel=self.channel)
            self.client = client_class(transport=self.transport)
            self.methods = self._methods(policies) if channel is None else []

    def _methods(self, policies):
        found = []
        for name, member in inspect.getmembers(self.transport_class):
            if name.startswith("_") or not isinstance(member, property):
                continue
            value = getattr(self.transport, name)
            if not isinstance(value, Stub):
                continue
            _, service, method = value.path.split("/")
            request_class, response_class = message_classes(member, value)
            retry, timeout = policies.get(id(value), (None, None))
            found.append(Method(
                name, service, method, request_class, response_class, value.client_streaming,
                value.server_streaming, retry, timeout))
        return sorted(found, key=lambda method: method.full_name)

    @property
    def own_methods(self):
        return [method for method in self.methods if method.service not in MIXINS]

    @property
    def mixins(self):
        return sorted({m.service for m in self.methods if m.service in MIXINS})

    def function(self, method):
        """The client's Python method; None where it offers none (a transport's own). One that is
        internal, because a hand-written client stands before it, begins with an underscore."""
        name = method.python_name
        found = (getattr(self.client, each, None) for each in (name, name.rstrip("_"), "_" + name))
        return next((each for each in found if each is not None), None)

    def call(self, method, request=None):
        """Makes the call as a user of the library would; `request` is protobuf's message."""
        request = pb_class(method.request_class)() if request is None else request
        if issubclass(method.request_class, proto.Message):
            request = method.request_class.wrap(request)
        if method.client_streaming:
            return self.function(method)(requests=iter([request]))
        return self.function(method)(request=request)

    def sent(self, method, request=None):
        """What the client sends for a request, by default an empty one."""
        self.channel.sent = None
        self.call(method, request)
        return self.channel.sent

    def operation_types(self, method):
        """The types of the operation that the method starts, or None."""
        seen = []

        def from_gapic(_, __, result_type, *others, metadata_type=None, **more):
            seen.append((result_type, metadata_type))

        with replaced(operation, "from_gapic", from_gapic):
            self.call(method)
        if not seen:
            return None
        response, metadata = (descriptor_of(t).full_name if t else "" for t in seen[0])
        return OperationTypes(response, metadata)


def message_classes(member, stub):
    """The classes of a method's request and response: its annotation `Callable[[A], B]`."""
    hint = typing.get_type_hints(member.fget).get("return")
    arguments = typing.get_args(hint)
    if len(arguments) != 2 or len(arguments[0]) != 1:
        raise Refusal(f"{stub.path}: the client does not say its message types")
    response = arguments[1]
    return arguments[0][0], response if stub.deserialize else empty_pb2.Empty
