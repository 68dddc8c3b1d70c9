#!/usr/bin/env python3
"""Tests of Packaging/google/descriptors: what it writes is what the installed clients do.

  tool.py --programs FOLDER

FOLDER holds prongd, which must take every set and service config. The last line is
'N passed, N failed'.
"""

import argparse
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(ROOT / "Packaging/google"), str(ROOT / "Tests/peers")]

from google.api import annotations_pb2, client_pb2  # noqa: E402
from google.longrunning import operations_pb2  # noqa: E402
from google.protobuf import (  # noqa: E402
    descriptor_pb2, descriptor_pool, json_format, message_factory)
import expected  # noqa: E402
from filling import Filler, routing_rules  # noqa: E402
from gapicsets import installed, options, routing  # noqa: E402
from gapicsets.clients import Client, descriptor_of, pb_class  # noqa: E402
from gapicsets.refusal import Refusal  # noqa: E402
from support import Claims  # noqa: E402
import variants  # noqa: E402

TOOL = ROOT / "Packaging/google/descriptors"
PACKAGES = ("google-cloud-container", "google-cloud-iam", "google-cloud-translate",
            "google-cloud-pubsub", "google-cloud-storage-control")
MIXINS = {
    "google.longrunning.Operations": {
        "ListOperations", "GetOperation", "DeleteOperation", "CancelOperation", "WaitOperation"},
    "google.cloud.location.Locations": {"ListLocations", "GetLocation"},
    "google.iam.v1.IAMPolicy": {"SetIamPolicy", "GetIamPolicy", "TestIamPermissions"},
}
# What is known of the .proto files: methods, operations, methods with a timeout, with retries.
KNOWN = {
    "google.container.v1.ClusterManager": (37, 0, 30, 9),
    "google.container.v1beta1.ClusterManager": (38, 0, 32, 11),
    "google.iam.admin.v1.IAM": (31, 0, 15, 7),
    "google.iam.credentials.v1.IAMCredentials": (4, 0, 4, 4),
    "google.iam.v2.Policies": (5, 3, 5, 5),
    "google.iam.v3.AccessPolicies": (6, 3, 6, 3),
    "google.iam.v3.PolicyBindings": (6, 3, 6, 3),
    "google.iam.v3.PrincipalAccessBoundaryPolicies": (6, 3, 6, 3),
    "google.cloud.translation.v3.TranslationService": (38, 11, 10, 4),
}
REQUESTS = 8


def run(arguments, python=sys.executable):
    environment = dict(os.environ, PRONG_PYTHON=python, LC_ALL="C.UTF-8")
    return subprocess.run([TOOL, *arguments], capture_output=True, text=True, env=environment)


class Made:
    """A set and a service config that the tool wrote."""

    def __init__(self, folder, package):
        self.name = package.removeprefix("google-cloud-")
        self.set_path = folder / f"{self.name}.binpb"
        self.config_path = folder / f"{self.name}.service_config.json"
        self.files = descriptor_pb2.FileDescriptorSet.FromString(self.set_path.read_bytes()).file
        self.services = {f"{file.package}.{service.name}": service
                         for file in self.files for service in file.service}
        self.policies = {}
        for entry in json.loads(self.config_path.read_text())["methodConfig"]:
            for name in entry["name"]:
                self.policies[f"{name['service']}/{name['method']}"] = entry
        self.pool = descriptor_pool.DescriptorPool()
        for file in self.files:
            self.pool.AddSerializedFile(file.SerializeToString())

    def method(self, method):
        return next(each for each in self.services[method.service].method
                    if each.name == method.name)

    def message(self, name):
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name.lstrip(".")))


def gapic_metadata(version):
    """Full service name -> names of its methods, from the file that Google puts beside a client."""
    module = installed.importlib.import_module(version)
    path = pathlib.Path(module.__file__).parent / "gapic_metadata.json"
    content = json.loads(path.read_text())
    return {f"{content['protoPackage']}.{name}": set(service["clients"]["grpc"]["rpcs"])
            for name, service in content["services"].items()}


class ToolTest:
    def __init__(self, claims, folder, programs):
        self.claims = claims
        self.folder = folder
        self.programs = programs
        self.made = {}

    def check_written(self):
        done = run(["--out", self.folder, *PACKAGES])
        told = done.stderr.splitlines()
        self.claims.check("what no set can say is told: who fills request_id", len(told) == 1
                          and all(word in told[0] for word in (
                              "StorageControl", "an empty request_id")), told)
        if self.claims.check("every package is written", done.returncode == 0, done.stderr):
            self.made = {package: Made(self.folder, package) for package in PACKAGES}
        again = self.folder / "again"
        run(["--out", again, PACKAGES[0]])
        self.claims.check(
            "the same package gives the same bytes",
            all(path.read_bytes() == (self.folder / path.name).read_bytes()
                for path in again.iterdir()) and len(list(again.iterdir())) == 2)

    def check_sets(self):
        for package, made in self.made.items():
            self.check_whole(made)
            self.check_prongd(made)
            versions = {version for version, _ in installed.client_modules(package)}
            for version in sorted(versions):
                self.check_methods(version, made)

    def check_whole(self, made):
        names = [file.name for file in made.files]
        missing = {name for file in made.files for name in file.dependency} - set(names)
        self.claims.check(f"{made.name}: every import is there once",
                          not missing and len(names) == len(set(names)), missing)
        for name, methods in MIXINS.items():
            if name in made.services:
                seen = {method.name for method in made.services[name].method}
                ruled = {method.name for method in made.services[name].method
                         if method.options.HasExtension(annotations_pb2.http)}
                self.claims.check(f"{made.name}: {name} is the real one, with a rule for each",
                                  seen == methods == ruled, (seen, ruled))
        stay = [f"{message.name}.{field.name}" for file in made.files
                for message in file.message_type for field in message.field
                if field.name.endswith("_")]
        self.claims.check(f"{made.name}: no field is called as in Python", not stay, stay)

    def check_prongd(self, made):
        """prong's own readers of both files, as `prongd --check` runs them."""
        config = self.folder / f"{made.name}.toml"
        config.write_text(f"""
[store]
path = "{self.folder}/prong.db"
[targets.a]
address = "127.0.0.1:1"
credentials = "insecure"
descriptors = ["{made.set_path}"]
service_config = "{made.config_path}"
""")
        done = subprocess.run(
            [pathlib.Path(self.programs) / "prongd", "--config", config, "--check"],
            capture_output=True, text=True)
        self.claims.check(f"{made.name}: prongd takes the set and the service config",
                          done.returncode == 0, done.stdout + done.stderr)

    def check_methods(self, version, made):
        wanted = gapic_metadata(version)
        seen = {name: {method.name for method in made.services[name].method}
                for name in wanted if name in made.services}
        self.claims.check(f"{version}: its services and methods", seen == wanted, seen)

    def check_known(self):
        for name, known in KNOWN.items():
            made = next(made for made in self.made.values() if name in made.services)
            methods = made.services[name].method
            mine = [policy for method, policy in made.policies.items()
                    if method.startswith(name + "/")]
            seen = (
                len(methods),
                sum(m.options.HasExtension(operations_pb2.operation_info) for m in methods),
                sum("timeout" in policy for policy in mine),
                sum("retryPolicy" in policy for policy in mine))
            self.claims.check(
                f"{name}: methods, operations, timeouts, retries are {known}", seen == known, seen)

    def check_clients(self):
        for package in PACKAGES:
            for version, service in installed.client_modules(package):
                client = Client(installed.client_class(version, service))
                tables = options.http_tables(version, service)
                self.check_client(client, tables, self.made[package])

    def check_client(self, client, tables, made):
        name = client.client_class.__name__ + " of " + client.own_methods[0].service
        groups = {
            "types, and messages are read alike": [], "routing header": [], "HTTP rules": [],
            "types of operations": [], "timeouts": [], "retries": [], "streams": []}
        for method in client.own_methods:
            written = made.method(method)
            client_side = ClientSide(client, method)
            holds = {
                "types, and messages are read alike": client_side.messages(made, written),
                "routing header": client_side.routing(written),
                "HTTP rules": client_side.http(written, tables.get(method.name)),
                "types of operations": client_side.operation(written),
                "timeouts": client_side.timeout(made),
                "retries": client_side.retries(made),
                "streams": (written.client_streaming, written.server_streaming)
                == (method.client_streaming, method.server_streaming),
            }
            for group, good in holds.items():
                if not good:
                    groups[group].append(method.name)
        for group, bad in groups.items():
            self.claims.check(f"{name}: {group}", not bad, bad)
        astray = [method.full_name for method in client.methods if method.service in MIXINS
                  and not ClientSide(client, method).routing(made.method(method))]
        self.claims.check(f"{name}: routing header of what it offers beside", not astray, astray)
        written = made.services[client.own_methods[0].service].options
        transport = client.transport_class
        self.claims.check(
            f"{name}: host and scopes",
            written.Extensions[client_pb2.default_host] == transport.DEFAULT_HOST
            and written.Extensions[client_pb2.oauth_scopes].split(",")
            == list(transport.AUTH_SCOPES))

    def check_refusals(self):
        def refused(claim, done, *words):
            self.claims.check(
                claim, done.returncode == 1 and "Traceback" not in done.stderr
                and all(word in done.stderr for word in words), (done.returncode, done.stderr))

        out = self.folder / "refused"
        refused("a package that is not installed is refused, and said how to install",
                run(["--out", out, "google-cloud-no-such-thing"]),
                "google-cloud-no-such-thing is not installed", "pip install")
        refused("a package without a gRPC client is refused",
                run(["--out", out, "google-cloud-core"]), "no generated client with a gRPC")
        refused("no package's name is refused as well", run(["--out", out, "../x y"]), "install")
        self.claims.check("nothing is written for what is refused",
                          not out.exists() or not list(out.iterdir()))
        both = run(["--out", out, "google-cloud-core", PACKAGES[2]])
        self.claims.check("the others are written all the same", both.returncode == 1
                          and sorted(path.name for path in out.iterdir())
                          == ["translate.binpb", "translate.service_config.json"])
        refused("a Python without Google's libraries is told",
                run(["--out", out, PACKAGES[2]], "/usr/bin/python3"), "pip install")
        refused("a folder that cannot be made is told",
                run(["--out", "/dev/null/x", PACKAGES[2]]), "/dev/null")
        wrong = run([PACKAGES[2]])
        self.claims.check("a wrong command line is 64", wrong.returncode == 64
                          and "--out" in wrong.stderr, wrong.stderr)

    def check_templates(self):
        for pattern, template in {
                "^(?P<bucket>.*)$": "{bucket=**}",
                "^(?P<name>projects/[^/]+/b/[^/]+)(?:/.*)?$": "{name=projects/*/b/*}/**",
                "^projects/[^/]+/(?P<i>instances/[^/]+)/tables/[^/]+$":
                    "projects/*/{i=instances/*}/tables/*",
                "^(?P<id>[^/]+)$": "{id=*}"}.items():
            self.claims.check(
                f"{pattern} is {template} and back", routing.template_of(pattern) == template
                and routing.pattern_of(template) == pattern, routing.template_of(pattern))
        for pattern in ("(?P<a>.*)", "^(?P<a>[a-z]+(b))$", "^(?P<a>.+?)**$"):
            try:
                seen = routing.template_of(pattern)
            except Refusal as refusal:
                seen = refusal
            self.claims.check(f"{pattern} is refused", isinstance(seen, Refusal), seen)


class ClientSide:
    """A method of a client, held against what was written of it."""

    def __init__(self, client, method):
        self.client = client
        self.method = method
        self.is_callable = client.function(method) is not None

    def requests(self, written):
        filler = Filler(random.Random(self.method.full_name))
        rules = routing_rules(written.options)
        yield filler.request(self.method, {}, filled=0)
        for _ in range(REQUESTS):
            yield filler.request(self.method, rules)

    def messages(self, made, written):
        """A message of the client is the same message by the set, with no field unknown."""
        if (written.input_type != "." + self.method.request.full_name
                or written.output_type != "." + self.method.response.full_name):
            return False
        theirs = pb_class(self.method.request_class)
        ours = made.message(written.input_type)
        for request in self.requests(written):
            read = ours.FromString(request.SerializeToString())
            text = json_format.MessageToJson(read)
            if text != json_format.MessageToJson(request):
                return False
            if json_format.Parse(text, theirs()) != request:
                return False
        return True

    def routing(self, written):
        """The header by the written options and the second implementation is the client's. An empty
        one, which the library sends with the first of many messages, says nothing."""
        return not self.is_callable or all(
            (self.client.sent(self.method, request).header(options.ROUTING_HEADER) or None)
            == expected.routing_header(written, request) for request in self.requests(written))

    def http(self, written, table):
        """Every binding of the client's REST twin, the same way round."""
        if not table:
            return True
        rule = written.options.Extensions[annotations_pb2.http]
        bindings = [rule, *rule.additional_bindings]
        return [(binding.WhichOneof("pattern"), options.path_of(binding), binding.body)
                for binding in bindings] == [
                    (entry["method"], entry["uri"], entry.get("body", "")) for entry in table]

    def operation(self, written):
        """As the client's documentation names the result of an operation."""
        text = self.client.function(self.method).__doc__ if self.is_callable else ""
        found = re.search(r"result type for the operation will be\s+:class:`([\w.]+)`", text or "")
        info = written.options.Extensions[operations_pb2.operation_info]
        if not found:
            return not info.response_type
        module, _, name = found[1].rpartition(".")
        wanted = descriptor_of(getattr(installed.importlib.import_module(module), name))
        return info.response_type == wanted.full_name and bool(info.metadata_type)

    def timeout(self, made):
        policy = made.policies.get(self.method.full_name, {})
        if not self.is_callable:
            return True
        timeout = self.client.sent(self.method).timeout
        if timeout is None or "timeout" not in policy:
            return timeout is None and "timeout" not in policy
        # The library takes off what has passed since the call began.
        return 0 <= float(policy["timeout"][:-1]) - timeout < 0.5

    def retries(self, made):
        policy = made.policies.get(self.method.full_name, {}).get("retryPolicy")
        retry = self.method.retry
        if retry is None or policy is None:
            return retry is None and policy is None
        return (policy["backoffMultiplier"] == retry._multiplier
                and float(policy["initialBackoff"][:-1]) == retry._initial
                and float(policy["maxBackoff"][:-1]) == retry._maximum
                and "maxAttempts" not in policy and "UNAVAILABLE" in policy["retryableStatusCodes"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True, help="the folder with prongd")
    given = parser.parse_args()
    claims = Claims()
    with tempfile.TemporaryDirectory(prefix="prong-google-") as scratch:
        test = ToolTest(claims, pathlib.Path(scratch), given.programs)
        claims.section("what is written", test.check_written)
        claims.section("the sets as they are", test.check_sets)
        claims.section("what is known of the APIs", test.check_known)
        claims.section("the sets beside the clients", test.check_clients)
        claims.section("what is refused", test.check_refusals)
        claims.section("clients of other kinds", lambda: variants.check(claims, test.folder))
        claims.section("templates of explicit routing", test.check_templates)
        vectors = subprocess.run(
            [sys.executable, HERE / "vectors.py", "--check"], capture_output=True, text=True)
        claims.check("the vectors in the tree are what the clients give",
                     vectors.returncode == 0, vectors.stdout + vectors.stderr)
    return claims.close()


if __name__ == "__main__":
    sys.exit(main())
