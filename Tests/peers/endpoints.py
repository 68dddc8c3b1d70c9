"""Servers that the token claims need, all on the loopback: a gRPC server over TLS that plays
translate.googleapis.com and keeps what each call carried, and a token endpoint over HTTPS (and a
metadata server over HTTP) that keeps what it was asked and answers as its path says."""

import base64
import http.server
import json
import socket
import socketserver
import ssl
import subprocess
import threading
import time
import urllib.parse
from concurrent import futures

import grpc
from google.api import client_pb2
from google.protobuf import descriptor_pb2
from support import Serving

F = descriptor_pb2.FieldDescriptorProto
HOST = "translate.googleapis.com"
SERVICE = "google.cloud.translation.v3.TranslationService"
METHOD = f"{SERVICE}/TranslateText"
SCOPE = "https://www.googleapis.com/auth/cloud-translation"


def descriptors(path):
    """A set with the one method that is called, with its API's host and scopes."""
    files = descriptor_pb2.FileDescriptorSet()
    file = files.file.add(
        name="translation.proto", package="google.cloud.translation.v3", syntax="proto3")
    message = file.message_type.add(name="Text")
    message.field.add(name="text", number=1, type=F.TYPE_STRING, label=F.LABEL_OPTIONAL)
    service = file.service.add(name="TranslationService")
    service.options.Extensions[client_pb2.default_host] = HOST
    service.options.Extensions[client_pb2.oauth_scopes] = SCOPE
    name = ".google.cloud.translation.v3.Text"
    service.method.add(name="TranslateText", input_type=name, output_type=name)
    with open(path, "wb") as out:
        out.write(files.SerializeToString())
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Translate(Serving):
    """Echoes; `calls` holds the metadata of each call and when it came."""

    def __init__(self, certificate, key):
        self.calls = []
        # The targets whose tokens it does not take.
        self.refused = set()
        self.server = grpc.server(futures.ThreadPoolExecutor(8))
        handler = grpc.unary_unary_rpc_method_handler(self.echo)
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, {"TranslateText": handler}),))
        pair = [(read(key), read(certificate))]
        self.port = self.server.add_secure_port(
            "127.0.0.1:0", grpc.ssl_server_credentials(pair))

    def echo(self, request, context):
        entry = {key: value for key, value in context.invocation_metadata()}
        self.calls.append((time.time(), entry))
        if entry.get("x-case") in self.refused:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "the key is unknown")
        return request

    def of(self, label):
        """The calls of one target, which its metadata name."""
        return [(when, entry) for when, entry in self.calls if entry.get("x-case") == label]


class Endpoint:
    """What was asked of it is in `requests`: (path, headers, body). `life` is how many seconds its
    tokens are good for; `given` are the tokens, with their ends."""

    def __init__(self, certificate=None, key=None, life=3600):
        self.requests = []
        self.given = {}
        self.life = life
        self.subject = "SUBJECT-SECRET"
        # What is answered at a path's first part, as it is.
        self.pages = {}
        self.lock = threading.Lock()
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers.get("Content-Length", 0))
                endpoint.answer(self, self.rfile.read(length).decode())

            def do_GET(self):
                endpoint.answer(self, "")

            def do_PUT(self):
                endpoint.answer(self, "")

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                """A client that does not trust this server, and says so by leaving."""

            def finish_request(self, request, address):
                if certificate:
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain(certificate, key)
                    request = context.wrap_socket(request, server_side=True)
                super().finish_request(request, address)

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://localhost:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def asked(self, prefix):
        return [request for request in self.requests if request[0].startswith(prefix)]

    def mint(self, kind):
        with self.lock:
            token = f"TOKEN-SECRET-{kind}-{len(self.given)}"
            self.given[token] = time.time() + self.life
            return token

    def answer(self, handler, body):
        self.requests.append((handler.path, dict(handler.headers), body))
        kind = handler.path.strip("/").split("/")[0].split("?")[0]
        if kind == "slow":
            time.sleep(60)
        if kind in ("trickle", "flood"):
            return self.endless(handler, kind)
        status, headers, content = self.content(handler.path, kind, body)
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content.encode())

    @staticmethod
    def endless(handler, kind):
        """An answer that never ends, byte by byte or as fast as it goes."""
        handler.send_response(200)
        handler.end_headers()
        end = time.monotonic() + 60
        try:
            while time.monotonic() < end:
                handler.wfile.write(b" " if kind == "trickle" else b" " * 65536)
                if kind == "trickle":
                    time.sleep(0.2)
        except OSError:
            pass

    def content(self, path, kind, body):
        if kind == "expired":
            return 400, {}, json.dumps({
                "error": "invalid_grant", "error_description": "Invalid JWT Signature."})
        if kind in self.pages:
            return 200, {}, self.pages[kind]
        if kind == "html":
            return 200, {"Content-Type": "text/html"}, "<html>SECRET page</html>"
        if kind == "invalid":
            # An endpoint that repeats what it was sent.
            said = {"error": "invalid_grant", "error_description": f"bad: {body}"}
            sent = urllib.parse.parse_qs(body).get("refresh_token", [""])[0]
            said["error_description"] = f"bad grant {sent}"
            return 400, {}, json.dumps(said)
        if kind == "redirect":
            return 302, {"Location": f"{self.url}/token"}, ""
        if kind == "subject":
            return 200, {}, json.dumps({"id_token": self.subject})
        if path.endswith(":generateAccessToken"):
            end = time.gmtime(time.time() + self.life)
            return 200, {}, json.dumps({
                "accessToken": self.mint("acting"),
                "expireTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", end)})
        headers = {"Metadata-Flavor": "Google"} if kind == "computeMetadata" else {}
        return 200, headers, json.dumps({
            "access_token": self.mint(kind), "expires_in": self.life, "token_type": "Bearer"})


class Proxy:
    """An HTTP proxy that knows one way, CONNECT, and one place that it leads to; keeps who asked
    for what."""

    def __init__(self, port):
        self.asked = []
        proxy = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                proxy.asked.append(self.rfile.readline().decode().strip())
                while self.rfile.readline().strip():
                    pass
                with socket.create_connection(("127.0.0.1", port)) as other:
                    self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    back = threading.Thread(
                        target=self.pour, args=(other, self.connection), daemon=True)
                    back.start()
                    self.pour(self.connection, other)
                    back.join(5)

            @staticmethod
            def pour(source, sink):
                try:
                    while data := source.recv(65536):
                        sink.sendall(data)
                    sink.shutdown(socket.SHUT_WR)
                except OSError:
                    pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def part(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verified(scratch, token, public_key):
    """Header and claims of a JSON Web Token, where openssl says that its signature is good."""
    head, claims, signature = token.split(".")
    with open(scratch.file("signature"), "wb") as out:
        out.write(part(signature))
    subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", public_key, "-signature",
         scratch.file("signature")],
        input=f"{head}.{claims}".encode(), check=True, capture_output=True, timeout=30)
    return json.loads(part(head)), json.loads(part(claims))
