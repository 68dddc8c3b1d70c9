"""A gRPC channel that records the calls made on it and answers each with an empty message. It never
opens a socket."""

import dataclasses

import grpc


@dataclasses.dataclass
class Sent:
    """One call as a client made it. `timeout` is None where it set none."""

    path: str
    message: bytes
    metadata: list
    timeout: float | None

    def header(self, name):
        return next((value for key, value in self.metadata if key == name), None)


class Stub:
    """What the channel gives for a method: it can be called like any of gRPC's multi-callables."""

    def __init__(self, channel, path, serialize, deserialize, client_streaming, server_streaming):
        self.channel = channel
        self.path = path
        self.serialize = serialize
        self.deserialize = deserialize
        self.client_streaming = client_streaming
        self.server_streaming = server_streaming

    def __call__(self, request, timeout=None, metadata=None, **_):
        requests = list(request) if self.client_streaming else [request]
        serialize = self.serialize or bytes
        self.channel.sent = Sent(
            self.path, b"".join(serialize(each) for each in requests), list(metadata or ()),
            timeout)
        if self.server_streaming:
            return iter(())
        return self.deserialize(b"") if self.deserialize else None


class RecordingChannel(grpc.Channel):
    """`sent` is the last call."""

    def __init__(self):
        self.sent = None

    def _stub(self, path, serialize, deserialize, client_streaming, server_streaming):
        return Stub(self, path, serialize, deserialize, client_streaming, server_streaming)

    def unary_unary(self, method, request_serializer=None, response_deserializer=None, *_, **__):
        return self._stub(method, request_serializer, response_deserializer, False, False)

    def unary_stream(self, method, request_serializer=None, response_deserializer=None, *_, **__):
        return self._stub(method, request_serializer, response_deserializer, False, True)

    def stream_unary(self, method, request_serializer=None, response_deserializer=None, *_, **__):
        return self._stub(method, request_serializer, response_deserializer, True, False)

    def stream_stream(self, method, request_serializer=None, response_deserializer=None, *_, **__):
        return self._stub(method, request_serializer, response_deserializer, True, True)

    def subscribe(self, callback, try_to_connect=False):
        pass

    def unsubscribe(self, callback):
        pass

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None
