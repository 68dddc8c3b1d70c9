"""A gRPC server that plays Google's long-running operations: GKE's own kind and those of
google.longrunning. What an operation does is in the cluster's name, or in the
translation's labels; everything that arrives is written down. Listens on the loopback only.
"""

import collections
import threading
from concurrent import futures

import grpc
from google.cloud import container_v1, translate_v3
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from support import Serving

GKE = "google.container.v1.ClusterManager"
TRANSLATION = "google.cloud.translation.v3.TranslationService"
OPERATIONS = "google.longrunning.Operations"

Operation = container_v1.Operation.pb()
BatchTranslateResponse = translate_v3.BatchTranslateResponse.pb()
BatchTranslateMetadata = translate_v3.BatchTranslateMetadata.pb()
RUNNING = int(container_v1.Operation.Status.RUNNING)
DONE = int(container_v1.Operation.Status.DONE)

# The first is made again within one poll, the second is asked for again by the next.
PASSING = {"away": grpc.StatusCode.UNAVAILABLE, "stutters": grpc.StatusCode.INTERNAL}

Begun = collections.namedtuple("Begun", "request metadata")
Asked = collections.namedtuple("Asked", "name metadata")


def broken():
    """How an operation ends that does not end well."""
    status = status_pb2.Status(code=code_pb2.FAILED_PRECONDITION, message="no quota · 本")
    info = error_details_pb2.ErrorInfo(reason="QUOTA", domain="container.googleapis.com")
    status.details.add().Pack(info)
    return status


class Clusters(Serving):
    """Behaviour by the first word of what is begun: `done-N` ends well with poll N, `fails-N` ends
    with an error, `vanishes` is not found, `denied` is not allowed, `away-N` and `stutters-N` fail
    their first N polls in passing and end well then, `runs` never ends. Of a translation also:
    `bare-N` is done with poll N and has neither response nor error, `wordy` never ends and tells
    more of its progress than anybody keeps. An operation is known by its full name alone, at the
    place that was asked for."""

    def __init__(self):
        self.begun = []
        self.polls = []
        self.cancels = []
        self.kinds = {}
        # Called with the call in the server, before it is answered; a test kills or waits there.
        self.on_begin = lambda: None
        self.on_poll = lambda: None
        self.on_cancel = lambda: None
        self.lock = threading.Lock()
        self.server = grpc.server(futures.ThreadPoolExecutor(max_workers=32))
        self.server.add_generic_rpc_handlers(tuple(
            grpc.method_handlers_generic_handler(service, methods)
            for service, methods in self.services().items()))
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"

    def services(self):
        return {
            GKE: {
                "CreateCluster": unary(self.create, container_v1.CreateClusterRequest.pb()),
                "GetOperation": unary(self.get, container_v1.GetOperationRequest.pb()),
                "CancelOperation": unary(self.cancel, container_v1.CancelOperationRequest.pb()),
                "GetCluster": unary(self.get_cluster, container_v1.GetClusterRequest.pb())},
            TRANSLATION: {
                "BatchTranslateText": unary(
                    self.translate, translate_v3.BatchTranslateTextRequest.pb())},
            OPERATIONS: {
                "GetOperation": unary(self.get_long, operations_pb2.GetOperationRequest),
                "CancelOperation": unary(self.cancel, operations_pb2.CancelOperationRequest)}}

    # what arrives

    def begin(self, kind, place, request, context):
        with self.lock:
            self.begun.append(Begun(request, dict(context.invocation_metadata())))
            short = f"op-{len(self.begun)}"
            self.kinds[f"{place}/operations/{short}"] = kind
        self.on_begin()
        return short

    def polled(self, request, context):
        """Kind, and how many polls of this operation there have been with this one."""
        with self.lock:
            self.polls.append(Asked(request.name, dict(context.invocation_metadata())))
            count = sum(poll.name == request.name for poll in self.polls)
            kind = self.kinds.get(request.name, "vanishes")
        self.on_poll()
        if kind == "vanishes":
            context.abort(grpc.StatusCode.NOT_FOUND, "no such operation")
        if kind == "denied":
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "container.operations.get")
        word, _, failing = kind.partition("-")
        if word in PASSING and count <= int(failing):
            context.abort(PASSING[word], "back in a moment")
        return kind, count

    def polls_of(self, name):
        return [poll for poll in self.polls if poll.name == name]

    # GKE

    def create(self, request, context):
        kind = request.cluster.name
        place = request.parent or f"projects/{request.project_id}/locations/{request.zone}"
        short = self.begin(kind, place, request, context)
        # A zone of the place does the work: no part of the operation's name.
        return Operation(name=short, status=RUNNING, zone=place.rsplit("/", 1)[-1] + "-b")

    def get(self, request, context):
        kind, count = self.polled(request, context)
        answer = Operation(
            name=request.name.rsplit("/", 1)[-1], status=RUNNING, detail=f"poll {count}")
        if is_over(kind, count):
            answer.status = DONE
            answer.detail = "made"
            if kind.startswith("fails"):
                answer.error.CopyFrom(broken())
        return answer

    def get_cluster(self, _request, _context):
        return container_v1.Cluster.pb()(name="c")

    def cancel(self, request, context):
        self.cancels.append(Asked(request.name, dict(context.invocation_metadata())))
        self.on_cancel()
        return empty_pb2.Empty()

    # translation

    def translate(self, request, context):
        kind = request.labels["kind"]
        place = request.parent
        short = self.begin(kind, place, request, context)
        return operations_pb2.Operation(name=f"{place}/operations/{short}")

    def get_long(self, request, context):
        kind, count = self.polled(request, context)
        answer = operations_pb2.Operation(name=request.name)
        answer.metadata.Pack(BatchTranslateMetadata(translated_characters=count))
        if kind == "wordy":
            answer.metadata.type_url += "/" * 20_000
        if is_over(kind, count):
            answer.done = True
            if kind.startswith("bare"):
                pass
            elif kind.startswith("fails"):
                answer.error.CopyFrom(broken())
            else:
                answer.response.Pack(BatchTranslateResponse(total_characters=42))
        return answer


def is_over(kind, count):
    word, _, needed = kind.partition("-")
    return word in PASSING or word in ("done", "fails", "bare") and count >= int(needed)


def unary(function, request):
    return grpc.unary_unary_rpc_method_handler(
        function, request_deserializer=request.FromString,
        response_serializer=lambda message: message.SerializeToString())
