"""Packages and clients of kinds that are not installed for the tests, made of what is: what the
tool makes of them. Part of tool.py."""

import sys

from apis import EXPLICIT, recorded_clients
from google.api import client_pb2
from google.api_core import gapic_v1, version_header
from google.protobuf import descriptor_pb2
from gapicsets import installed, options
from gapicsets.refusal import Refusal
from gapicsets.remarks import remarks


def check(claims, folder):
    check_layouts(claims, folder / "layouts")
    check_version(claims)
    check_internal(claims)
    check_always_sent(claims)


def install(folder, name, *files):
    """A package that says it holds files; none of them is there."""
    about = folder / f"{name}-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (about / "RECORD").write_text("".join(f"{file},,\n" for file in files))


def check_layouts(claims, folder):
    install(folder, "elsewhere", "else/where_v1/services/things/transports/grpc.py")
    install(folder, "httponly", "google/cloud/h_v1/services/things/transports/rest.py")
    sys.path.insert(0, str(folder))
    try:
        claims.check("a client is found wherever in a package it is",
                     installed.client_modules("elsewhere") == [("else.where_v1", "things")])
        refusal = ""
        try:
            installed.client_modules("httponly")
        except Refusal as refused:
            refusal = str(refused)
        claims.check("a package with REST alone is refused, and said why",
                     "only with REST" in refusal, refusal)
    finally:
        sys.path.remove(str(folder))


def any_client():
    return next(recorded_clients(EXPLICIT))[0]


def send_more(client, *headers):
    """The client sends more metadata with every call."""
    send = client.sent

    def sent(method, request=None):
        call = send(method, request)
        call.metadata.extend(headers)
        return call

    client.sent = sent


def check_version(claims):
    client = any_client()
    written = descriptor_pb2.ServiceOptions()
    options.fill_service(client, written)
    before = written.HasExtension(client_pb2.api_version)
    send_more(client, version_header.to_api_version_header("v1_20240506"))
    options.fill_service(client, written)
    claims.check(
        "a version that the client sends with its calls is written, and no other",
        not before and written.Extensions[client_pb2.api_version] == "v1_20240506")


class Internal:
    """A client whose methods are internal: `_get_folder` is `get_folder` of another."""

    def __init__(self, client):
        self.client = client

    def __getattr__(self, name):
        if not name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.client, name[1:])


def written_of(client):
    found = {}
    for method in client.own_methods:
        found[method.name] = descriptor_pb2.MethodOptions()
        options.fill_method(client, method, None, found[method.name])
    return found


def check_internal(claims):
    client = any_client()
    wanted = written_of(client)
    client.client = Internal(client.client)
    claims.check("methods that are internal, behind hand-written ones, are written like any other",
                 written_of(client) == wanted and any(str(each) for each in wanted.values()))


def check_always_sent(claims):
    client = any_client()
    before = [line for line in remarks([client]) if "app_profile_id" in line]
    send_more(client, gapic_v1.routing_header.to_grpc_metadata({"app_profile_id": ""}))
    after = [line for line in remarks([client]) if "by app_profile_id even if" in line]
    claims.check("what a client with explicit routing sends even if it is empty is told, once",
                 not before and len(after) == 1, after)
