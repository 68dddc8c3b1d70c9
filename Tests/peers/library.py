#!/usr/bin/env python3
"""A grpcio server with a service of its own, its descriptors made at run time; and the claims about
it. As a program it is the server:

  library.py --port N --descriptors FILE

Library/Lend lends a book; Library/Refuse ends with a rich status; Library/Report gives back the
metadata it got and sends headers and trailers of its own. Library/Browse gives as many books as it
is asked for pages, then a trailer, or a rich status where the book has a shelf; Library/Return takes
a stream of books and gives each back as it comes.
"""

import argparse
import json
import os
import sys
from concurrent import futures

import grpc
from google.protobuf import (
    descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2, duration_pb2, struct_pb2,
    wrappers_pb2)
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

sys.dont_write_bytecode = True

import etcd_descriptors  # noqa: E402
from support import (  # noqa: E402
    Prongd, Running, Scratch, free_port, reaches, serve_until_terminated, target_table, unpadded,
    until)

SERVICE = "peers.v1.Library"
F = descriptor_pb2.FieldDescriptorProto


def file_descriptor():
    file = descriptor_pb2.FileDescriptorProto(
        name="peers/library.proto", package="peers.v1", syntax="proto3")
    for module in (timestamp_pb2, duration_pb2, struct_pb2, wrappers_pb2):
        file.dependency.append(module.DESCRIPTOR.name)
    book = file.message_type.add(name="Book")
    add(book, "title", 1, F.TYPE_STRING)
    add(book, "pages", 2, F.TYPE_INT32)
    add(book, "due", 3, F.TYPE_MESSAGE, ".google.protobuf.Timestamp")
    add(book, "loan", 4, F.TYPE_MESSAGE, ".google.protobuf.Duration")
    add(book, "notes", 5, F.TYPE_MESSAGE, ".google.protobuf.Struct")
    add(book, "shelf", 6, F.TYPE_MESSAGE, ".google.protobuf.StringValue")
    add(book, "tags", 7, F.TYPE_STRING, label=F.LABEL_REPEATED)
    report = file.message_type.add(name="Report")
    add(report, "metadata", 1, F.TYPE_STRING, label=F.LABEL_REPEATED)
    service = file.service.add(name="Library")
    for name, answer in (("Lend", "Book"), ("Refuse", "Book"), ("Report", "Report")):
        service.method.add(
            name=name, input_type=".peers.v1.Book", output_type=f".peers.v1.{answer}")
    for name in ("Browse", "Return"):
        service.method.add(
            name=name, input_type=".peers.v1.Book", output_type=".peers.v1.Book",
            client_streaming=name == "Return", server_streaming=True)
    return file


def add(message, name, number, kind, type_name=None, label=F.LABEL_OPTIONAL):
    message.field.add(name=name, number=number, type=kind, type_name=type_name, label=label)


def pool():
    made = descriptor_pool.DescriptorPool()
    for module in (timestamp_pb2, duration_pb2, struct_pb2, wrappers_pb2):
        made.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    made.Add(file_descriptor()) if hasattr(made, "Add") else made.AddSerializedFile(
        file_descriptor().SerializeToString())
    return made


class Library:
    def __init__(self):
        types = pool()
        self.Book = message_factory.GetMessageClass(
            types.FindMessageTypeByName("peers.v1.Book"))
        self.Report = message_factory.GetMessageClass(
            types.FindMessageTypeByName("peers.v1.Report"))

    def lend(self, book, context):
        book.tags.append("lent")
        return book

    def refuse(self, book, context):
        status = status_pb2.Status(code=grpc.StatusCode.FAILED_PRECONDITION.value[0],
                                   message=f"“{book.title}” is lent")
        bad = error_details_pb2.BadRequest()
        bad.field_violations.add(field="title", description="lent until tomorrow")
        status.details.add().Pack(bad)
        info = error_details_pb2.ErrorInfo(reason="LENT", domain="library.example")
        status.details.add().Pack(info)
        context.abort_with_status(rpc_status.to_status(status))

    def report(self, book, context):
        context.send_initial_metadata((("x-library", "here"), ("x-stamp-bin", b"\x00\x01")))
        context.set_trailing_metadata((("x-counted", "1"),))
        answer = self.Report()
        for name, value in context.invocation_metadata():
            shown = value if isinstance(value, str) else value.hex()
            answer.metadata.append(f"{name}={shown}")
        return answer

    def browse(self, book, context):
        for number in range(book.pages):
            yield self.Book(title=f"{book.title} {number}")
        if book.HasField("shelf"):
            self.refuse(book, context)
        context.set_trailing_metadata((("x-counted", str(book.pages)),))

    def give_back(self, books, context):
        yield from books

    def handler(self):
        def unary(function):
            return grpc.unary_unary_rpc_method_handler(
                function, request_deserializer=self.Book.FromString,
                response_serializer=lambda message: message.SerializeToString())
        return grpc.method_handlers_generic_handler(SERVICE, {
            "Lend": unary(self.lend), "Refuse": unary(self.refuse),
            "Report": unary(self.report),
            "Browse": grpc.unary_stream_rpc_method_handler(
                self.browse, request_deserializer=self.Book.FromString,
                response_serializer=lambda message: message.SerializeToString()),
            "Return": grpc.stream_stream_rpc_method_handler(
                self.give_back, request_deserializer=self.Book.FromString,
                response_serializer=lambda message: message.SerializeToString())})


def descriptor_set():
    return etcd_descriptors.descriptor_set(pool().FindFileByName("peers/library.proto"))


def serve(port, descriptors):
    with open(descriptors, "wb") as out:
        out.write(descriptor_set().SerializeToString())
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    server.add_generic_rpc_handlers((Library().handler(),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    serve_until_terminated(server)


def claims(check, programs):
    with Scratch() as scratch:
        port = free_port()
        descriptors = scratch.file("library.binpb")
        server = Running(
            [sys.executable, os.path.abspath(__file__), "--port", str(port),
             "--descriptors", descriptors], scratch.file("library.log"))
        with server:
            until("the Python server listens", lambda: reaches(port))
            table = target_table("library", f"127.0.0.1:{port}", descriptors)
            with Prongd(programs, table) as prongd:
                types(check, prongd)
                rich_error(check, prongd)
                metadata(check, prongd)
                streams(check, prongd)


def types(check, prongd):
    book = {"title": "Ein Buch · 本", "pages": 321, "due": "2030-01-02T03:04:05.250Z",
            "loan": "3.500s", "notes": {"a": [1, None, {"b": True}]}, "shelf": "",
            "tags": ["x"]}
    lent = prongd.call(f"{SERVICE}/Lend", book)
    check("well-known types pass a Python server and come back as they were",
          lent.status == 200 and lent.json() == dict(book, tags=["x", "lent"]), lent)


def rich_error(check, prongd):
    refused = prongd.call(f"{SERVICE}/Refuse", {"title": "本"})
    body = refused.json()
    check("a rich status keeps code and message",
          refused.status == 400 and body["code"] == "failed_precondition"
          and body["message"] == "“本” is lent", refused)
    kinds = [detail["type"] for detail in body.get("details", [])]
    check("its details keep their types and order",
          kinds == ["google.rpc.BadRequest", "google.rpc.ErrorInfo"], kinds)
    bad = error_details_pb2.BadRequest.FromString(unpadded(body["details"][0]["value"]))
    check("a detail's value is the message that the server packed",
          bad.field_violations[0].description == "lent until tomorrow", bad)
    shown = [detail.get("debug") for detail in body.get("details", [])]
    check("details are decoded though the API's own descriptors do not have them",
          shown[0] == {"fieldViolations": [{"field": "title", "description": "lent until tomorrow"}]}
          and shown[1] == {"reason": "LENT", "domain": "library.example"}, shown)


def streams(check, prongd):
    lines = ["Accept: application/x-ndjson"]
    answer = prongd.call(f"{SERVICE}/Browse", {"title": "本", "pages": 3}, lines)
    got = [json.loads(line) for line in answer.body.splitlines()]
    check("a Python server's stream comes as lines, its trailers in the last one",
          got == [{"message": {"title": f"本 {number}"}} for number in range(3)]
          + [{"end": {"trailers": {"x-counted": "3"}}}], got)
    answer = prongd.call(f"{SERVICE}/Browse", {"title": "x", "pages": 1, "shelf": "top"}, lines)
    last = json.loads(answer.body.splitlines()[-1])["error"]
    check("a rich status ends a stream with its details",
          last["code"] == "failed_precondition"
          and [detail["type"] for detail in last["details"]]
          == ["google.rpc.BadRequest", "google.rpc.ErrorInfo"], last)
    books = [{"title": str(number)} for number in range(100)]
    job = prongd.ask("POST", "/v1/jobs?wait=30s", {"method": f"{SERVICE}/Return", "requests": books})
    check("a stream both ways is a job's requests and responses",
          job.json().get("responses") == books, job)


def metadata(check, prongd):
    answer = prongd.call(f"{SERVICE}/Report", {}, ["X-Team: web", "Cookie: c=1",
                                                   "X-Blob-Bin: AAEC"])
    got = answer.json().get("metadata", [])
    check("a header became metadata", "x-team=web" in got, got)
    check("a binary header became bytes", "x-blob-bin=000102" in got, got)
    check("a cookie did not", not any(entry.startswith("cookie") for entry in got), got)
    check("response metadata came back as headers",
          answer.headers.get("x-library") == "here"
          and answer.headers.get("x-stamp-bin") == "AAE", answer.headers)
    check("trailers came back as Trailer- headers",
          answer.headers.get("trailer-x-counted") == "1", answer.headers)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--descriptors", required=True)
    given = parser.parse_args()
    serve(given.port, given.descriptors)
