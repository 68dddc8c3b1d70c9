#!/usr/bin/env python3
"""prong beside Google's own Python clients: the same requests through both to one recording server.

  differential.py --programs FOLDER [--sets FOLDER] [--seed N] [--cases N] [--only TEXT]
  differential.py --google-only

FOLDER holds prongd. For every method of every API in apis.py, and of the services that their
clients offer beside them (mixins), random requests go through the generated client and through
prong's socket (as direct calls in JSON and in protobuf, and as jobs), and what arrives must be the
same: path, message, routing header (byte for byte), version header, deadline (within a tenth;
prong's own default where Google's client sets none), and headers of the same form. For every retry
policy, a call that fails first must be tried again on the same codes. And prong must take its own
example of each request. The sets are made by Packaging/google/descriptors, into a temporary folder
unless --sets names one. --google-only leaves prong out: it shows that the test itself works. The
seed is printed; the same seed makes the same requests. The last line is 'N passed, N failed'.
"""

import argparse
import functools
import os
import pathlib
import random
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(ROOT / "Packaging/google"), str(ROOT / "Tests/peers")]

import grpc  # noqa: E402
from google.protobuf import descriptor_pb2  # noqa: E402
from apis import APIS, EXPLICIT, MIXED, recorded_clients  # noqa: E402
import comparison  # noqa: E402
from filling import Filler, routing_rules  # noqa: E402
from gapicsets import policies  # noqa: E402
from gapicsets.clients import MIXINS, pb_class  # noqa: E402
from recorder import Recorder  # noqa: E402
from sides import FORMS, GoogleSide, ProngSide  # noqa: E402
from support import Claims  # noqa: E402

PACKAGES = {**APIS, **EXPLICIT, **MIXED}
# Codes that some policies try again on, and some that none should.
CODES = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED,
         grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.ABORTED, grpc.StatusCode.INTERNAL,
         grpc.StatusCode.UNKNOWN, grpc.StatusCode.NOT_FOUND)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", help="the folder with prongd")
    parser.add_argument("--google-only", action="store_true")
    parser.add_argument("--sets", type=pathlib.Path, help="descriptor sets that are made already")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--cases", type=int, default=6, help="requests for each method")
    parser.add_argument("--only", default="", help="only methods whose full name holds this")
    given = parser.parse_args()
    if not given.programs and not given.google_only:
        parser.error("--programs FOLDER or --google-only is needed")
    return given


def make_sets(folder):
    subprocess.run(
        [ROOT / "Packaging/google/descriptors", "--out", folder, *sorted(set(PACKAGES.values()))],
        check=True, env=dict(os.environ, PRONG_PYTHON=sys.executable))


def set_name(version):
    return PACKAGES[version].removeprefix("google-cloud-")


@functools.cache
def described(folder, name):
    """Full name of a method -> its descriptor, from a set as prong reads it."""
    whole = descriptor_pb2.FileDescriptorSet.FromString((folder / f"{name}.binpb").read_bytes())
    return {f"{file.package}.{service.name}/{method.name}": method
            for file in whole.file for service in file.service for method in service.method}


class Differential:
    def __init__(self, given, recorder, folder):
        self.given = given
        self.recorder = recorder
        self.folder = folder
        self.claims = Claims()
        self.google = GoogleSide(recorder.address)
        self.prong = None
        self.methods = self.all_methods()

    def all_methods(self):
        """(client that only records, its method, its set's name). A mixin's method is there once,
        by the client that offers most of its service."""
        found, mixed = [], {}
        for client, version, _ in recorded_clients(PACKAGES):
            name = set_name(version)
            if version not in MIXED:
                found += [(client, method, name) for method in client.own_methods]
            for service in client.mixins:
                offered = [(client, method, name) for method in client.methods
                           if method.service == service]
                if len(offered) > len(mixed.get(service, [])):
                    mixed[service] = offered
        return found + [each for offered in mixed.values() for each in offered]

    def services(self):
        return {method.service: name for _, method, name in self.methods}

    def run(self):
        if self.given.google_only:
            self.compare_all()
        else:
            with ProngSide(self.given.programs, self.recorder.address, self.folder,
                           self.services()) as self.prong:
                self.compare_all()
        self.google.close()
        return self.claims.close()

    def compare_all(self):
        comparison.check_itself(self.claims)
        self.check_mixins()
        policies_seen = {}
        for client, method, name in self.methods:
            if self.given.only not in method.full_name:
                continue
            if method.client_streaming or method.server_streaming:
                self.claims.check(f"{method.full_name} is no stream", False)
                continue
            descriptor = described(self.folder, name)[method.full_name]
            self.compare_method(client, method, descriptor)
            if self.prong:
                self.check_example(method, descriptor)
            policy = policies.method_policy(method)
            if "retryPolicy" in policy:
                policies_seen.setdefault(repr(policy), (client, method))
        for client, method in policies_seen.values():
            self.compare_attempts(client, method)

    def check_mixins(self):
        """Every method of theirs is among those that are compared."""
        held = {method.full_name for _, method, _ in self.methods if method.service in MIXINS}
        known = {method for name in set(self.services().values())
                 for method in described(self.folder, name) if method.startswith(MIXINS)}
        self.claims.check("all methods of all mixins are compared", held == known, known - held)

    def check_example(self, method, descriptor):
        """One claim: prong takes its own example of the request, which names its resource."""
        rules = routing_rules(descriptor.options)
        try:
            example = self.prong.example(method)
            unnamed = [field for field in ("name", "parent")
                       if any("/*" in rule for rule in rules.get(field, []))
                       and example.get(field) == "text"]
            refused = f"no name in {example}" if unnamed else ""
        except Exception as error:  # pylint: disable=broad-except
            refused = repr(error)
        self.claims.check(f"{method.full_name}: its example is taken", not refused, refused)

    def compare_method(self, client, method, descriptor):
        """One claim: all requests of the method arrive as from Google's client."""
        found = comparison.Comparison(method)
        filler = Filler(random.Random(f"{self.given.seed} {method.full_name}"))
        rules = routing_rules(descriptor.options)
        requests = [filler.request(method, {}, filled=0)]
        requests += [filler.request(method, rules) for _ in range(self.given.cases - 1)]
        try:
            for index, request in enumerate(requests):
                self.compare_request(found, client, request, FORMS[index % len(FORMS)])
        except Exception as error:  # pylint: disable=broad-except
            found.differences.append(repr(error))
        self.claims.check(
            f"{method.full_name}: {len(requests)} requests", not found.differences,
            "; ".join(dict.fromkeys(found.differences)))

    def compare_request(self, found, client, request, form):
        method = found.method
        google = self.recorder.arrived(
            lambda: self.google.call(client.client_class, method, request))
        found.google(google)
        if self.prong:
            prong = self.recorder.arrived(lambda: self.prong.call(method, request, form))
            found.compare(google, prong)

    def compare_attempts(self, client, method):
        """One claim: a call of the method is tried again on the codes of Google's client only."""
        request = pb_class(method.request_class)()
        google = {code.name: self.recorder.attempts(
            lambda: self.google.call(client.client_class, method, request), code)
            for code in CODES}
        prong = self.prong and {code.name: self.recorder.attempts(
            lambda: self.prong.call(method, request), code) for code in CODES}
        self.claims.check(
            f"{method.full_name}: attempts where the first one fails", prong in (None, google),
            f"prong {prong}, Google's client {google}")


def main():
    given = arguments()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="prong-google-") as scratch, Recorder() as recorder:
        folder = (given.sets or pathlib.Path(scratch)).resolve()
        if not given.sets:
            make_sets(folder)
        return Differential(given, recorder, folder).run()


if __name__ == "__main__":
    sys.exit(main())
