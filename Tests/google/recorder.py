"""A gRPC server that knows no method and takes every one: it writes down what arrived, and answers
with an empty message. Listens on the loopback only."""

import concurrent.futures
import dataclasses
import queue

import grpc
from support import Serving

# What gRPC tells as time left where the client set no deadline is far beyond this.
NO_DEADLINE_SECONDS = 10_000_000


@dataclasses.dataclass
class Arrival:
    """One call as it arrived. `deadline` is the seconds that were left, None for no deadline."""

    path: str
    messages: list
    metadata: list
    deadline: float | None

    def values(self, key):
        return [value for name, value in self.metadata if name == key]

    def value(self, key):
        """The only value of a key; None where there is none. Several stand as they are, joined."""
        values = self.values(key)
        return " AND ".join(map(str, values)) if values else None


class Recorder(Serving, grpc.GenericRpcHandler):
    def __init__(self):
        self.arrivals = queue.Queue()
        # The code that the next call ends with; only that one.
        self.next_code = None
        self.server = grpc.server(
            concurrent.futures.ThreadPoolExecutor(max_workers=8),
            options=[("grpc.max_receive_message_length", -1)])
        self.server.add_generic_rpc_handlers((self,))
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"

    def service(self, handler_call_details):
        """A stream of messages both ways is what every kind of call looks like on the wire."""
        path = handler_call_details.method

        def take(requests, context):
            left = context.time_remaining()
            metadata = [(key, value) for key, value in context.invocation_metadata()]
            deadline = None if left is None or left > NO_DEADLINE_SECONDS else left
            self.arrivals.put(Arrival(path, list(requests), metadata, deadline))
            code, self.next_code = self.next_code, None
            if code is not None:
                context.abort(code, "as the test wants it")
            yield b""

        return grpc.stream_stream_rpc_method_handler(take)

    def arrived(self, call):
        """Makes a call that ends well and gives what arrived of it: once, or it is an error."""
        self.forget()
        call()
        count = self.arrivals.qsize()
        if count != 1:
            raise RuntimeError(f"it arrived {count} times")
        return self.arrivals.get()

    def attempts(self, call, code):
        """How often a call arrives whose first attempt ends with a code. How it ends is no matter:
        it has ended when `call` is back, so nothing of it can arrive later."""
        self.forget()
        self.next_code = code
        try:
            call()
        except Exception:  # pylint: disable=broad-except
            pass
        return self.arrivals.qsize()

    def forget(self):
        self.next_code = None
        while not self.arrivals.empty():
            self.arrivals.get()
