"""The two that are compared: Google's own client on a plain connection, and prongd, asked by HTTP
on its socket, with a target for each service. Both talk to the same recording server."""

import http.client
import itertools
import json
import os
import socket
import sys

import grpc
from google.protobuf import json_format
from gapicsets.clients import Client

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../peers"))

from support import Prongd  # noqa: E402
from targets import set_table  # noqa: E402


# How a call can be given to prong: JSON, protobuf, and as a durable job.
FORMS = ("json", "proto", "job")


class GoogleSide:
    """The clients, as a user of the library would make them for an emulator."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        self.clients = {}

    def call(self, client_class, method, request):
        if client_class not in self.clients:
            self.clients[client_class] = Client(client_class, self.channel)
        self.clients[client_class].call(method, request)

    def close(self):
        self.channel.close()


class SocketConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("prong")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class ProngSide:
    def __init__(self, programs, address, folder, services):
        """`services`: full name -> the name of its set in `folder`."""
        tables = [set_table(service.replace(".", "-"), address, f"{folder}/{name}", service)
                  for service, name in sorted(services.items())]
        self.prongd = Prongd(programs, "".join(tables))
        self.connection = None
        self.keys = itertools.count()

    def __enter__(self):
        self.prongd.__enter__()
        self.connection = SocketConnection(self.prongd.socket)
        return self

    def __exit__(self, *_):
        self.connection.close()
        self.prongd.__exit__()

    def call(self, method, request, form="json"):
        """A call in one of FORMS; it ends before this returns, and its error is raised."""
        kind, headers = "application/json", {}
        if form == "proto":
            kind, body = "application/proto", request.SerializeToString()
        else:
            body = json_format.MessageToJson(request, indent=None).encode()
        if form == "job":
            headers["Idempotency-Key"] = f"differential-{next(self.keys)}"
        self.ask("POST", f"/{method.full_name}", body, {"Content-Type": kind, **headers})

    def example(self, method):
        """Asks for the example of the method's request, and calls the method with it."""
        described = json.loads(self.ask("GET", f"/v1/describe/{method.full_name}"))
        body = json.dumps(described["example"]).encode()
        self.ask("POST", f"/{method.full_name}", body, {"Content-Type": "application/json"})
        return described["example"]

    def ask(self, verb, path, body=None, headers=None):
        self.connection.request(verb, path, body=body, headers=headers or {})
        response = self.connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise RuntimeError(f"prong answered {response.status} {text[:500]!r}")
        return text
