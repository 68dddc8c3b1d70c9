"""What the peer tests share: claims, processes that are always ended, prongd in a temporary
folder, and requests by curl, which is a client that prong's project did not write."""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time


class Claims:
    """Counts what holds and what does not; closes with 'N passed, N failed'."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, claim, holds, seen=""):
        if holds:
            self.passed += 1
            print(f"ok    {claim}", flush=True)
        else:
            self.failed += 1
            print(f"FAIL  {claim}\n      seen: {str(seen)[:2000]}", flush=True)
        return holds

    def section(self, name, body):
        """Runs a group of claims; an exception is one failed claim, not the end of the run."""
        print(f"\n{name}", flush=True)
        try:
            body()
        except Exception as error:  # pylint: disable=broad-except
            self.check(f"{name} ran to its end", False, repr(error))

    def close(self):
        print(f"\n{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


def until(what, probe, seconds=30):
    """Polls until `probe` answers something true; its exceptions count as not yet."""
    end = time.monotonic() + seconds
    last = None
    while time.monotonic() < end:
        try:
            found = probe()
            if found:
                return found
        except Exception as error:  # pylint: disable=broad-except
            last = error
        time.sleep(0.02)
    raise RuntimeError(f"not within {seconds} s: {what} ({last})")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def reaches(port):
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


class Running:
    """A process with its output in a file; ended at the end of the `with`, whatever happens."""

    def __init__(self, command, log, environment=None):
        self.command = command
        self.log = log
        self.environment = environment
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(os.environ, **(self.environment or {})))
        return self

    def __enter__(self):
        return self.start()

    def stop(self, how=signal.SIGTERM, seconds=30):
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def __exit__(self, *_):
        self.stop()

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()


class Scratch:
    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="prong-peers-")
        return self

    def file(self, name):
        return os.path.join(self.path, name)

    def write(self, name, text):
        with open(self.file(name), "w", encoding="utf-8") as out:
            out.write(text)
        return self.file(name)

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Serving:
    """Serves as long as its `with`: what has a grpcio server as `server`."""

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop(None).wait()


def serve_until_terminated(server):
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    server.start()
    stopped.wait()
    server.stop(0)


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:600]!r}"


class Prongd:
    """prongd with the given target tables, ready to be asked."""

    def __init__(self, programs, targets, more="", environment=None):
        self.programs = programs
        self.targets = targets
        self.more = more
        self.environment = environment

    def __enter__(self):
        self.scratch = Scratch().__enter__()
        os.mkdir(self.scratch.file("state"))
        self.socket = self.scratch.file("prong.sock")
        config = self.configure(self.targets)
        self.running = Running(
            [os.path.join(self.programs, "prongd"), "--config", config],
            self.scratch.file("log"), self.environment).start()
        try:
            until("prongd is ready", self.is_ready)
        except RuntimeError:
            print(self.running.text()[-3000:])
            self.__exit__()
            raise
        return self

    def configure(self, targets):
        """Writes the configuration with these target tables, which a start reads."""
        return self.scratch.write("prong.toml", f"""
workers = 2
[listen]
socket = "{self.socket}"
[store]
path = "{self.scratch.file("state/prong.db")}"
{self.more}
{targets}
""")

    def restart(self, targets):
        self.configure(targets)
        self.running.stop()
        self.running.start()
        until("prongd is ready again", self.is_ready)

    def is_ready(self):
        if self.running.process.poll() is not None:
            raise RuntimeError(f"prongd ended with {self.running.process.returncode}")
        return self.ask("GET", "/readyz").status == 200

    def __exit__(self, *_):
        self.running.stop()
        self.scratch.__exit__()

    def ask(self, method, path, body=None, headers=()):
        """A request by curl; the body is an object (JSON) or bytes (protobuf)."""
        with Scratch() as scratch:
            command = [
                "curl", "-sS", "--max-time", "60", "--unix-socket", self.socket, "-X", method,
                "-D", scratch.file("head"), "-o", scratch.file("body"), f"http://prong{path}"]
            for header in headers:
                command += ["-H", header]
            if body is not None:
                is_bytes = isinstance(body, bytes)
                with open(scratch.file("request"), "wb") as out:
                    out.write(body if is_bytes else json.dumps(body).encode())
                kind = "application/proto" if is_bytes else "application/json"
                command += ["-H", f"Content-Type: {kind}", "--data-binary",
                            f"@{scratch.file('request')}"]
            subprocess.run(command, check=True, capture_output=True, timeout=90)
            with open(scratch.file("head"), encoding="latin-1", newline="") as head:
                blocks = head.read().strip().split("\r\n\r\n")
            lines = blocks[-1].split("\r\n")
            headers = {}
            for line in lines[1:]:
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            body = b""
            if os.path.exists(scratch.file("body")):
                with open(scratch.file("body"), "rb") as received:
                    body = received.read()
            return Answer(int(lines[0].split()[1]), headers, body)

    def call(self, method, body, headers=()):
        return self.ask("POST", "/" + method, body, headers)

    def target(self, name):
        targets = self.ask("GET", "/v1/targets").json()["targets"]
        return next(target for target in targets if target["name"] == name)


def checked(programs, scratch, targets, environment=None):
    """What `prongd --check` says of these target tables."""
    config = scratch.write("check.toml", f"""
[listen]
socket = "{scratch.file("check.sock")}"
[store]
path = "{scratch.file("check.db")}"
{targets}""")
    return subprocess.run(
        [os.path.join(programs, "prongd"), "--config", config, "--check"],
        capture_output=True, text=True, timeout=60, check=False, env=environment)


def target_table(name, address, descriptors, lines="", credentials="insecure"):
    return (f'[targets.{name}]\naddress = "{address}"\ndescriptors = ["{descriptors}"]\n'
            f'credentials = "{credentials}"\n{lines}\n')


def b64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def unpadded(text):
    return base64.b64decode(text + "=" * (-len(text) % 4))
