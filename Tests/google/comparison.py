"""What is compared of two arrivals: one as Google's client made it, one as prong made it."""

import dataclasses
import re

from google.longrunning import operations_pb2
from gapicsets import options
from gapicsets.clients import Method, pb_class
from recorder import Arrival

API_CLIENT = "x-goog-api-client"
FORM = r"gl-%s/\S+ grpc/\S+ gax/\S+ gapic/\S+ pb/\S+"
# Some clients let the core library name itself where they offer another's methods.
GOOGLE_FORM = (FORM % "python").replace("gapic", "(?:gapic|gccl)")
# [defaults] timeout, for methods that Google's client sets no deadline for.
PRONG_DEFAULT_SECONDS = 30
TOLERANCE = 0.1
# What is each side's own business.
OWN_HEADERS = ("user-agent", API_CLIENT, "grpc-accept-encoding")


class Comparison:
    """What is compared for one method; `differences` is empty where all is the same."""

    def __init__(self, method):
        self.method = method
        self.differences = []

    def expect(self, what, seen, wanted):
        if seen != wanted:
            self.differences.append(f"{what}: prong {seen!r}, Google's client {wanted!r}")

    def google(self, google):
        """What every generated client sends, or this test looks at the wrong thing."""
        if not re.fullmatch(GOOGLE_FORM, google.value(API_CLIENT) or ""):
            self.differences.append(f"Google's client sent {google.value(API_CLIENT)!r}")
        if google.path != f"/{self.method.full_name}" or len(google.messages) != 1:
            self.differences.append(f"Google's client sent {google}")

    def compare(self, google, prong):
        self.expect("path", prong.path, google.path)
        message = pb_class(self.method.request_class)
        self.expect("messages", [message.FromString(each) for each in prong.messages],
                    [message.FromString(each) for each in google.messages])
        for header in (options.ROUTING_HEADER, options.VERSION_HEADER):
            self.expect(header, prong.value(header), google.value(header))
        self.expect("names of headers", names_of(prong), names_of(google))
        if not re.fullmatch(FORM % "swift", prong.value(API_CLIENT) or ""):
            self.differences.append(f"{API_CLIENT}: prong sent {prong.value(API_CLIENT)!r}")
        self.compare_deadline(google.deadline, prong.deadline)

    def compare_deadline(self, google, prong):
        wanted = PRONG_DEFAULT_SECONDS if google is None else google
        if prong is None or abs(prong - wanted) > wanted * TOLERANCE:
            self.differences.append(f"deadline: prong {prong} s, wanted about {wanted} s")


def names_of(arrival):
    return sorted({name for name, _ in arrival.metadata if name not in OWN_HEADERS})


def check_itself(claims):
    """Two arrivals that are as they should be pass, and every single difference is found."""
    operations = operations_pb2
    method = Method("get_operation", "google.longrunning.Operations", "GetOperation",
                    operations.GetOperationRequest, operations.Operation, False, False)
    message = operations.GetOperationRequest(name="a").SerializeToString()
    routed = (options.ROUTING_HEADER, "name=a")
    google = Arrival(f"/{method.full_name}", [message], [
        routed, (API_CLIENT, "gl-python/3 grpc/1 gax/2 gapic/2 pb/7")], 20.0)
    own = (API_CLIENT, "gl-swift/6.3 grpc/1.51 gax/1 gapic/1 pb/1")
    good = dataclasses.replace(google, metadata=[own, routed, ("user-agent", "x")], deadline=19.5)
    wrong = {
        "path": dataclasses.replace(good, path="/google.longrunning.Operations/GetOperatio"),
        "message": dataclasses.replace(good, messages=[b""]),
        "a second message": dataclasses.replace(good, messages=[message, message]),
        "deadline": dataclasses.replace(good, deadline=17.9),
        "no deadline": dataclasses.replace(good, deadline=None),
        "no routing header": dataclasses.replace(good, metadata=[own]),
        "another value": dataclasses.replace(
            good, metadata=[own, (options.ROUTING_HEADER, "name=b")]),
        "a value twice": dataclasses.replace(good, metadata=[own, routed, routed]),
        "a version": dataclasses.replace(
            good, metadata=[own, routed, (options.VERSION_HEADER, "v1")]),
        "a header more": dataclasses.replace(good, metadata=[own, routed, ("x-other", "1")]),
        "no client header": dataclasses.replace(good, metadata=[routed]),
        "another form": dataclasses.replace(
            good, metadata=[routed, (API_CLIENT, "gl-swift/6.3 gax/1 grpc/1 gapic/1 pb/1")]),
    }

    def differences(prong, google=google):
        found = Comparison(method)
        found.google(google)
        found.compare(google, prong)
        return found.differences

    unlimited = dataclasses.replace(google, deadline=None)
    default = dataclasses.replace(good, deadline=29.9)
    claims.check("two arrivals that are alike pass",
                 not differences(good) and not differences(default, unlimited),
                 differences(good) + differences(default, unlimited))
    missed = [name for name, prong in wrong.items() if len(differences(prong)) == 0]
    missed += [] if differences(good, unlimited) else ["prong's default deadline"]
    claims.check("every single difference is found", not missed, missed)
