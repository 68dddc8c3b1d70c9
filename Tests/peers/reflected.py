#!/usr/bin/env python3
"""A grpcio server that tells its own descriptors (grpcio-reflection) beside grpcio's health
service; servers whose reflection is broken; and the claims about prong between them. As a program
it is the server:

  reflected.py --port N [--version v1|v1alpha] [--method NAME] [--tls CERT KEY CLIENT_CA]

It has a Library as library.py has, with one more method if one is named, and no descriptor of it is
in any file. grpcio's package knows v1alpha only; v1 is the same servicer under the other name, for
its messages are the same on the wire.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import sys
import time
from concurrent import futures

import grpc
from google.protobuf import descriptor_pool, message_factory, timestamp_pb2, duration_pb2, \
    struct_pb2, wrappers_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

sys.dont_write_bytecode = True

import demanding  # noqa: E402
import library  # noqa: E402
import tls  # noqa: E402
from support import (  # noqa: E402
    Prongd, Running, Scratch, Serving, checked, free_port, reaches, serve_until_terminated, until)

SERVICE = library.SERVICE
HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
REFLECTION = "grpc.reflection.{}.ServerReflection"
LEND = f"{SERVICE}/Lend"
OFFERED = ("Browse", "Lend", "Refuse", "Report", "Return")
# Start and answers of a healthy prongd are far faster; a loader that waits for each target in turn,
# or for ever, is not.
BOUND_SECONDS = 5 + 10


# the servers

def pool(method):
    made = descriptor_pool.DescriptorPool()
    for module in (timestamp_pb2, duration_pb2, struct_pb2, wrappers_pb2, health_pb2):
        made.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    file = library.file_descriptor()
    if method:
        file.service[0].method.add(
            name=method, input_type=".peers.v1.Book", output_type=".peers.v1.Book")
    made.AddSerializedFile(file.SerializeToString())
    return made


def server(port, files=None):
    made = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    if files:
        certificate, key, authority = (open(path, "rb").read() for path in files)
        made.add_secure_port(f"127.0.0.1:{port}", grpc.ssl_server_credentials(
            [(key, certificate)], root_certificates=authority, require_client_auth=True))
    else:
        made.add_insecure_port(f"127.0.0.1:{port}")
    return made


def reflecting(made, version, answer):
    handler = grpc.stream_stream_rpc_method_handler(
        answer,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=lambda message: message if isinstance(message, bytes)
        else message.SerializeToString())
    made.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
        REFLECTION.format(version), {"ServerReflectionInfo": handler}),))


def serve(port, version, method, files):
    types = pool(method)
    book = message_factory.GetMessageClass(types.FindMessageTypeByName("peers.v1.Book"))

    def lend(request, _context):
        request.tags.append("lent")
        return request

    made = server(port, files)
    unary = grpc.unary_unary_rpc_method_handler(
        lend, request_deserializer=book.FromString,
        response_serializer=lambda message: message.SerializeToString())
    made.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
        SERVICE, {name: unary for name in ("Lend", method) if name}),))
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), made)
    servicer = reflection.ReflectionServicer(
        [SERVICE, HEALTH, REFLECTION.format(version)], pool=types)
    reflecting(made, version, servicer.ServerReflectionInfo)
    serve_until_terminated(made)


class Broken(Serving):
    """A server whose reflection answers as the test wants; ended with the `with`."""

    def __init__(self, answer):
        self.port = free_port()
        self.server = server(self.port)
        reflecting(self.server, "v1", answer)


def never(_requests, context):
    while context.is_active():
        time.sleep(0.02)
    return iter(())


def garbage(requests, _context):
    for _ in requests:
        yield b"\xff\xff<html>"


def endless(requests, _context):
    for count, request in enumerate(requests):
        answer = reflection_pb2.ServerReflectionResponse()
        if request.WhichOneof("message_request") == "list_services":
            answer.list_services_response.service.add(name="a.A")
        else:
            asked = request.file_by_filename or "start.proto"
            # Many files an answer: the bound is to come before the loader's patience ends.
            more = [f"{count}-{n}.proto" for n in range(50)]
            files = [descriptor_file(asked, more)]
            files += [descriptor_file(name, [f"next-{name}"]) for name in more]
            answer.file_descriptor_response.file_descriptor_proto.extend(files)
        yield answer


def descriptor_file(name, imports):
    from google.protobuf import descriptor_pb2
    return descriptor_pb2.FileDescriptorProto(name=name, dependency=imports).SerializeToString()


def circle(requests, _context):
    for request in requests:
        answer = reflection_pb2.ServerReflectionResponse()
        if request.WhichOneof("message_request") == "list_services":
            answer.list_services_response.service.add(name="a.A")
        else:
            for name, other in (("a.proto", "b.proto"), ("b.proto", "a.proto")):
                answer.file_descriptor_response.file_descriptor_proto.append(
                    descriptor_file(name, [other]))
        yield answer


# prong

def program(port, *more):
    return [sys.executable, os.path.abspath(__file__), "--port", str(port), *more]


def table(name, port, lines="", credentials="insecure"):
    return (f'[targets.{name}]\naddress = "127.0.0.1:{port}"\nreflection = true\n'
            f'credentials = "{credentials}"\n{lines}\n')


def methods(prongd):
    return {entry["method"]: entry["targets"]
            for entry in prongd.ask("GET", "/v1/methods").json()["methods"]}


def learned(prongd, name):
    return prongd.target(name).get("reflection", {})


def claims(check, programs):
    for version in ("v1", "v1alpha"):
        with Scratch() as scratch:
            port = free_port()
            with Running(program(port, "--version", version), scratch.file("server.log")):
                until("the reflecting server listens", lambda: reaches(port))
                with Prongd(programs, table("library", port)) as prongd:
                    known_at_start(check, prongd, version)
    named_services(check, programs)
    over_tls(check, programs)
    cache(check, programs)
    comes_up_later(check, programs)
    told_again(check, programs)
    broken_servers(check, programs)
    not_running(check, programs)
    demanding.claims(check, programs, pool(""))


def known_at_start(check, prongd, version):
    known = methods(prongd)
    check(f"{version}: the methods are learned from the server, its health and reflection are not",
          sorted(known) == [f"{SERVICE}/{name}" for name in OFFERED], known)
    lent = prongd.call(LEND, {"title": "本", "due": "2030-01-02T03:04:05Z", "shelf": "x"})
    check(f"{version}: a call with what was learned works, imported types included",
          lent.status == 200 and lent.json()["tags"] == ["lent"]
          and lent.json()["due"] == "2030-01-02T03:04:05Z", lent)
    state = learned(prongd, "library")
    check(f"{version}: the target says that this was learned now",
          state.get("state") == "fresh" and "at" in state and "reason" not in state, state)
    described = prongd.ask("GET", f"/v1/describe/{LEND.replace('/', '%2F')}")
    check(f"{version}: a learned method is described",
          described.status == 200 and "Lend" in described.json()["text"], described)
    cached = prongd.scratch.file("state/prong.db.descriptors/library.binpb")
    mode = os.stat(cached).st_mode & 0o777
    check(f"{version}: what was learned is kept, for the daemon's user alone", mode == 0o600,
          oct(mode))


def named_services(check, programs):
    with Scratch() as scratch:
        port = free_port()
        with Running(program(port), scratch.file("server.log")):
            until("the reflecting server listens", lambda: reaches(port))
            with Prongd(programs, table("library", port, f'services = ["{HEALTH}"]')) as prongd:
                known = sorted(methods(prongd))
                check("`services` chooses, the health service too",
                      known and all(name.startswith(f"{HEALTH}/") for name in known), known)
                answer = prongd.call(f"{HEALTH}/Check", {}, ["Prong-Target: library"])
                check("and it can be called",
                      answer.status == 200 and answer.json()["status"] == "SERVING", answer)


def over_tls(check, programs):
    with Scratch() as scratch:
        port = free_port()
        ours, strange = (tls.Authority(scratch, name) for name in ("ours", "strange"))
        certificate, key = ours.sign("library.test")
        client = ours.sign("client.test")
        own = (f'authority = "library.test"\nca = "{ours.certificate}"\n'
               f'cert = "{client[0]}"\nkey = "{client[1]}"')
        with Running(program(port, "--tls", certificate, key, ours.certificate),
                     scratch.file("server.log")):
            until("the reflecting server listens", lambda: reaches(port))
            tables = (table("mutual", port, own, "tls")
                      + table("wrongca", port, own.replace(ours.certificate, strange.certificate),
                              "tls")
                      + table("nocert", port, "\n".join(own.splitlines()[:2]), "tls"))
            with Prongd(programs, tables) as prongd:
                check("over TLS with a client certificate the methods are learned",
                      methods(prongd).get(LEND) == ["mutual"], methods(prongd))
                for name in ("wrongca", "nocert"):
                    check(f"a server that is not trusted, or does not trust, tells nothing: {name}",
                          learned(prongd, name).get("state") == "missing", learned(prongd, name))


def cache(check, programs):
    """The server is down when prongd starts again; then it comes back with a method more."""
    with Scratch() as scratch:
        port = free_port()
        target = table("library", port)
        with Prongd(programs, target) as prongd:
            with Running(program(port), scratch.file("server.log")) as running:
                until("the reflecting server listens", lambda: reaches(port))
                until("the methods are there", lambda: LEND in methods(prongd))
                running.stop()
            prongd.running.stop()
            prongd.running.start()
            until("prongd is ready again", prongd.is_ready)
            check("a target that is down at start comes with what it told before",
                  LEND in methods(prongd), prongd.running.text()[-1500:])
            state = learned(prongd, "library")
            check("and says so, with the time and the reason",
                  state.get("state") == "cached" and "at" in state and state.get("reason"), state)
            check("the log says so", "prong uses what it told before" in prongd.running.text())
            job = prongd.ask("POST", "/v1/jobs", {"method": LEND, "request": {"title": "x"}})
            check("a job is accepted with it", job.status == 202, job)
            with Running(program(port, "--method", "Recall"), scratch.file("server2.log")):
                until("what it offers now is learned",
                      lambda: f"{SERVICE}/Recall" in methods(prongd), 60)
                check("a cached set is replaced once the server is there",
                      learned(prongd, "library").get("state") == "fresh")
                done = prongd.ask("GET", f"/v1/jobs/{job.json()['id']}?wait=30s").json()
                check("and the job that waited was made", done["state"] == "succeeded", done)
        blocked_job(check, programs, port)
        broken_cache(check, programs, port)


def blocked_job(check, programs, port):
    """A job whose method nobody knows any more, until its server is back."""
    with Scratch() as scratch, Prongd(programs, table("library", port)) as prongd:
        with Running(program(port), scratch.file("server.log")):
            until("the methods are there", lambda: LEND in methods(prongd), 60)
        until("the target is down", lambda: prongd.target("library")["state"] == "down")
        ids = [prongd.ask("POST", "/v1/jobs", {"method": LEND, "request": {"title": "x"}})
               .json()["id"] for _ in range(5)]
        prongd.running.stop()
        shutil.rmtree(prongd.scratch.file("state/prong.db.descriptors"))
        prongd.running.start()
        until("prongd is ready again", prongd.is_ready)
        job = prongd.ask("GET", f"/v1/jobs/{ids[0]}").json()
        check("a job whose method is not known waits, and says why",
              job["state"] == "queued" and "not known yet" in job.get("blocked", ""), job)
        with Running(program(port), scratch.file("server2.log")):
            ends = [prongd.ask("GET", f"/v1/jobs/{id}?wait=50s").json() for id in ids]
            check("and is made once the method is known",
                  all(job["state"] == "succeeded" for job in ends), ends)


def broken_cache(check, programs, port):
    with Prongd(programs, table("library", port)) as prongd:
        prongd.running.stop()
        folder = prongd.scratch.file("state/prong.db.descriptors")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "library.binpb"), "wb") as out:
            out.write(os.urandom(4096))
        prongd.running.start()
        until("prongd is ready with a broken cache", prongd.is_ready)
        check("a broken cache is told and ignored",
              learned(prongd, "library").get("state") == "missing"
              and "what it told before is lost" in prongd.running.text(),
              prongd.running.text()[-1500:])


def comes_up_later(check, programs):
    """The server was never there: prongd starts without its methods, and learns them later."""
    with Scratch() as scratch:
        port, other = free_port(), free_port()
        with Running(program(other), scratch.file("other.log")):
            until("the other server listens", lambda: reaches(other))
            with Prongd(programs, table("library", port) + table(
                    "other", other, f'services = ["{HEALTH}"]')) as prongd:
                unknown(check, prongd)
                with Running(program(port), scratch.file("server.log")):
                    until("its methods are learned", lambda: LEND in methods(prongd), 60)
                    check("the methods of a server that comes up later appear",
                          learned(prongd, "library").get("state") == "fresh")
                    lent = prongd.call(LEND, {"title": "late"})
                    check("and can be called", lent.status == 200, lent)
                    check("the log says so",
                          f"has told what it offers: {len(OFFERED)} methods" in prongd.running.text(),
                          prongd.running.text()[-1500:])
                    successors(check, prongd)


def told_again(check, programs):
    """What was learned is learned anew by HUP, and when the server comes back as another."""
    with Scratch() as scratch:
        port = free_port()
        with Running(program(port), scratch.file("server.log")) as server:
            until("the reflecting server listens", lambda: reaches(port))
            with Prongd(programs, table("library", port)) as prongd:
                until("its calls are made", lambda: prongd.call(LEND, {"title": "x"}).status == 200)
                before = learned(prongd, "library")["at"]
                prongd.running.process.send_signal(signal.SIGHUP)
                until("it is asked again",
                      lambda: learned(prongd, "library")["at"] > before, 30)
                check("HUP has a server asked again, and its methods are still there",
                      LEND in methods(prongd))
                server.stop()
                check("while it is away its methods stay known", LEND in methods(prongd))
                with Running(program(port, "--method", "Renew"), scratch.file("other.log")):
                    until("the method of the server's successor is learned",
                          lambda: f"{SERVICE}/Renew" in methods(prongd), 60)
                    renewed = prongd.call(f"{SERVICE}/Renew", {"title": "x"})
                    check("a server that comes back with another method is asked again",
                          renewed.status == 200, renewed)


def unknown(check, prongd):
    refused = prongd.call(LEND, {"title": "x"})
    body = refused.json()
    check("a call to what is not known yet is refused with 503 and the reason",
          refused.status == 503 and body["code"] == "unavailable"
          and "not known yet, for it could not be reached" in body["message"]
          and "retry-after" in refused.headers, refused)
    elsewhere = prongd.call(LEND, {"title": "x"}, ["Prong-Target: other"])
    check("but not where it is known that there is no such method", elsewhere.status == 501,
          elsewhere)
    submitted = prongd.ask("POST", "/v1/jobs", {"method": LEND, "request": {}})
    check("so is a job", submitted.status == 503, submitted)
    state = learned(prongd, "library")
    check("the target says that nothing is known and why",
          state.get("state") == "missing" and state.get("reason") and "at" not in state, state)
    served = prongd.call(f"{HEALTH}/Check", {}, ["Prong-Target: other"])
    check("other targets are untouched", served.status == 200, served)


def successors(check, prongd):
    """A queue and workers that are forked later have what was learned."""
    before = prongd.ask("GET", "/v1/status").json()
    for pid in [worker["pid"] for worker in before["workers"]] + [before["queue"]["pid"]]:
        os.kill(pid, signal.SIGKILL)
    until("another queue answers", lambda: prongd.ask(
        "GET", "/v1/status").json()["queue"]["pid"] != before["queue"]["pid"])
    check("a queue that is forked later knows what was learned", LEND in methods(prongd))
    until("its workers serve", lambda: prongd.call(LEND, {"title": "x"}).status == 200)
    check("the supervisor has one thread still",
          prongd.ask("GET", "/v1/status").json()["supervisor"]["threads"] == 1)


def broken_servers(check, programs):
    answers = {"never": never, "garbage": garbage, "endless": endless, "circle": circle}
    words = {"never": "did not answer within", "garbage": "nonsense",
             "endless": "than prong takes", "circle": "circle"}
    with Scratch() as scratch:
        port, silent = free_port(), socket.create_server(("127.0.0.1", 0))
        servers = {name: Broken(answer).__enter__() for name, answer in answers.items()}
        ports = dict({name: server.port for name, server in servers.items()},
                     silent=silent.getsockname()[1])
        try:
            with Running(program(port), scratch.file("server.log")):
                until("the good server listens", lambda: reaches(port))
                tables = "".join(table(name, where) for name, where in ports.items())
                began = time.monotonic()
                with Prongd(programs, tables + table("library", port)) as prongd:
                    took = time.monotonic() - began
                    check("five broken servers hold up the start no longer than one",
                          took < BOUND_SECONDS, f"{took:.1f} s")
                    for name, word in words.items():
                        state = learned(prongd, name)
                        check(f"a server that is broken ({name}) is told with the reason",
                              state.get("state") == "missing" and word in state["reason"], state)
                    check("one that accepts and says nothing at all too",
                          learned(prongd, "silent").get("state") == "missing")
                    lent = prongd.call(LEND, {"title": "x"}, ["Prong-Target: library"])
                    check("a good server beside them is untouched", lent.status == 200, lent)
                    check("health tells what is not known",
                          "not known yet" in json.dumps(prongd.ask("GET", "/healthz").json()))
        finally:
            silent.close()
            for broken in servers.values():
                broken.__exit__()


def not_running(check, programs):
    """`prongd --check` says what a target does not tell, and that the configuration is sound."""
    with Scratch() as scratch:
        port = free_port()
        ended = checked(programs, scratch, table("library", port))
        said = ended.stdout + ended.stderr
        check("--check says which target could not be asked, and is content",
              ended.returncode == 0 and "target library (127.0.0.1:" in said
              and "the configuration is sound" in said, ended)
        check("and keeps nothing", not os.path.exists(scratch.file("check.db.descriptors")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--version", default="v1alpha")
    parser.add_argument("--method", default="")
    parser.add_argument("--tls", nargs=3, default=None)
    given = parser.parse_args()
    serve(given.port, given.version, given.method, given.tls)
