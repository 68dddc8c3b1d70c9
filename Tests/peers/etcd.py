"""etcd from Debian behind prong, curl in front: a server and a client of others."""

import os
import shutil
import signal

import etcd_descriptors
from support import Prongd, Running, Scratch, b64, free_port, reaches, target_table, until


class Etcd(Running):
    def __init__(self, scratch):
        self.port = free_port()
        peer = free_port()
        client_url = f"http://127.0.0.1:{self.port}"
        peer_url = f"http://127.0.0.1:{peer}"
        super().__init__(
            [shutil.which("etcd") or "/usr/bin/etcd", "--name", "one",
             "--data-dir", scratch.file("etcd"),
             "--listen-client-urls", client_url, "--advertise-client-urls", client_url,
             "--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url,
             "--initial-cluster", f"one={peer_url}"],
            scratch.file("etcd.log"),
            # Debian builds for every machine; etcd wants to be told where it is not tried.
            {"ETCD_UNSUPPORTED_ARCH": os.uname().machine.replace("aarch64", "arm64")
             if os.uname().machine != "x86_64" else ""})

    def start(self):
        super().start()
        until("etcd listens", lambda: reaches(self.port))
        return self


def claims(check, programs):
    with Scratch() as scratch:
        descriptors = scratch.file("etcd.binpb")
        etcd_descriptors.write(descriptors)
        with Etcd(scratch) as etcd:
            table = target_table(
                "etcd", f"127.0.0.1:{etcd.port}", descriptors,
                'idempotent = ["*/Range", "*/Put"]')
            with Prongd(programs, table) as prongd:
                direct(check, prongd)
                durable(check, prongd)
                errors(check, prongd)
                restart(check, prongd, etcd)


def direct(check, prongd):
    put = prongd.call("etcdserverpb.KV/Put", {"key": b64("greeting"), "value": b64("hello")})
    check("Put answers 200 with a revision",
          put.status == 200 and int(put.json()["header"]["revision"]) > 1, put)
    read = prongd.call("etcdserverpb.KV/Range", {"key": b64("greeting")})
    check("Range gives back what Put stored",
          read.status == 200 and read.json()["kvs"][0]["value"] == b64("hello"), read)
    check("int64 is text in JSON", isinstance(read.json()["kvs"][0]["version"], str), read)
    raw = prongd.call("etcdserverpb.KV/Range", b"\x0a\x08greeting")
    check("the same call in protobuf answers protobuf",
          raw.status == 200 and b"hello" in raw.body
          and raw.headers["content-type"] == "application/proto", raw)
    transaction = prongd.call("etcdserverpb.KV/Txn", {
        "compare": [{"result": "EQUAL", "target": "VALUE", "key": b64("greeting"),
                     "value": b64("hello")}],
        "success": [{"requestPut": {"key": b64("greeting"), "value": b64("bye")}}]})
    check("a transaction with oneofs and enums by name succeeds",
          transaction.status == 200 and transaction.json().get("succeeded") is True, transaction)
    status = prongd.call("etcdserverpb.Maintenance/Status", {})
    check("Maintenance/Status tells etcd's version",
          status.status == 200 and status.json()["version"].startswith("3."), status)


def durable(check, prongd):
    job = {"method": "etcdserverpb.KV/Put", "key": "put-1",
           "request": {"key": b64("job"), "value": b64("done")}}
    first = prongd.ask("POST", "/v1/jobs", job)
    check("a job is accepted", first.status == 202, first)
    end = prongd.ask("GET", f"/v1/jobs/{first.json()['id']}?wait=30s").json()
    check("the job succeeds", end["state"] == "succeeded", end)
    again = prongd.ask("POST", "/v1/jobs", job)
    check("the same key is the same job", again.json()["id"] == first.json()["id"], again)
    read = prongd.call("etcdserverpb.KV/Range", {"key": b64("job")}).json()["kvs"][0]
    check("it was put once", read["version"] == "1" and read["value"] == b64("done"), read)


def errors(check, prongd):
    empty = prongd.call("etcdserverpb.KV/Put", {})
    check("etcd's own refusal comes back with its code",
          empty.status == 400 and empty.json()["code"] == "invalid_argument"
          and empty.headers.get("prong-origin") == "target", empty)
    future = prongd.call("etcdserverpb.KV/Range", {"key": b64("job"), "revision": "99999"})
    check("a revision to come is out_of_range",
          future.status == 400 and future.json()["code"] == "out_of_range", future)
    wrong = prongd.call("etcdserverpb.KV/Put", {"key": "?"})
    check("bytes that are no base64 are refused by prong with the field",
          wrong.status == 400 and "key" in wrong.json()["message"]
          and wrong.headers.get("prong-origin") == "prong", wrong)
    watch = prongd.call("etcdserverpb.Watch/Watch", {})
    check("a streaming method is unimplemented", watch.status == 501, watch)


def restart(check, prongd, etcd):
    etcd.stop(signal.SIGKILL)
    until("prong sees that etcd is down", lambda: prongd.target("etcd")["state"] == "down")
    job = prongd.ask("POST", "/v1/jobs", {
        "method": "etcdserverpb.KV/Put",
        "request": {"key": b64("late"), "value": b64("1")}}).json()
    shown = prongd.ask("GET", f"/v1/jobs/{job['id']}").json()
    check("a job for an etcd that is down is blocked",
          shown["state"] == "queued" and shown.get("blocked"), shown)
    etcd.start()
    end = prongd.ask("GET", f"/v1/jobs/{job['id']}?wait=30s").json()
    check("it is made when etcd is back, by its first attempt",
          end["state"] == "succeeded" and end["attemptCount"] == 1, end)
