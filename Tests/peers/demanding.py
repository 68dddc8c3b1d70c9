"""A server over TLS that wants a bearer token for every method, its reflection too: prong's loader
shows the target's own token and learns, or says why it has none."""

import json
import os
import time
from concurrent import futures

import grpc
from google.protobuf import message_factory
from grpc_reflection.v1alpha import reflection

import library
from endpoints import Endpoint, read, verified
from support import Prongd, Scratch, Serving, free_port, until
from tls import Authority, openssl

SERVICE = library.SERVICE
LEND = f"{SERVICE}/Lend"
HOST = "library.test"
EMAIL = "reader@project.iam.gserviceaccount.com"


class Demanding(Serving, grpc.ServerInterceptor):
    """`seen` holds what each call carried: method, authorization, quota project. Tokens that
    `takes` is false of are refused."""

    def __init__(self, certificate, key, types, takes):
        self.seen = []
        self.takes = takes
        self.server = grpc.server(futures.ThreadPoolExecutor(16), interceptors=[self])
        book = message_factory.GetMessageClass(types.FindMessageTypeByName("peers.v1.Book"))
        lend = grpc.unary_unary_rpc_method_handler(
            lambda request, _: request, request_deserializer=book.FromString,
            response_serializer=lambda message: message.SerializeToString())
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, {"Lend": lend}),))
        reflection.enable_server_reflection(
            [SERVICE, reflection.SERVICE_NAME], self.server, pool=types)
        self.port = self.server.add_secure_port(
            "127.0.0.1:0", grpc.ssl_server_credentials([(read(key), read(certificate))]))

    def intercept_service(self, continuation, details):
        carried = dict(details.invocation_metadata)
        token = carried.get("authorization", "")
        self.seen.append((details.method, token, carried.get("x-goog-user-project")))
        if token.startswith("Bearer ") and self.takes(token.removeprefix("Bearer ")):
            return continuation(details)
        refuse = grpc.unary_unary_rpc_method_handler \
            if details.method.startswith(f"/{SERVICE}/") \
            else grpc.stream_stream_rpc_method_handler
        return refuse(lambda _, context: context.abort(
            grpc.StatusCode.UNAUTHENTICATED, "who are you"))

    def asked(self):
        """The tokens that its reflection was asked with, as far as it was offered."""
        return {token for method, token, _ in self.seen if "ServerReflectionInfo" in method}


def table(name, server, ca, credentials, lines=""):
    return (f'[targets.{name}]\naddress = "127.0.0.1:{server.port}"\nauthority = "{HOST}"\n'
            f'ca = "{ca}"\nreflection = true\ncredentials = "{credentials}"\n{lines}\n')


def state(prongd, name):
    return prongd.target(name).get("reflection", {})


def claims(check, programs, types):
    with Scratch() as scratch:
        ours, tokens = Authority(scratch, "ours"), Authority(scratch, "tokens")
        pair = ours.sign(HOST)
        given = tokens.sign("localhost")
        environment = {"SSL_CERT_FILE": tokens.certificate, "SSL_CERT_DIR": "/nowhere",
                       "CREDENTIALS_DIRECTORY": scratch.path}
        with Endpoint(*given) as endpoint:
            static(check, programs, scratch, Demanding(
                *pair, types, lambda token: token == "SECRET-STATIC"), ours.certificate)
            signed(check, programs, scratch, Demanding(
                *pair, types, lambda token: token.count(".") == 2), ours.certificate)
            exchanged(check, programs, scratch, Demanding(
                *pair, types, lambda token: token in endpoint.given), ours.certificate, endpoint,
                environment)


def quiet(check, prongd, name, words):
    """No token is in what people look at, nor in what was kept."""
    state = prongd.scratch.file("state")
    files = [os.path.join(folder, file) for folder, _, files in os.walk(state) for file in files]
    everything = prongd.running.text() + "".join(read(file).decode("latin-1") for file in files)
    for path in ("/v1/status", "/v1/workers", "/v1/targets", "/readyz", "/healthz"):
        everything += prongd.ask("GET", path).body.decode()
    found = [word for word in words if word in everything]
    check(f"{name}: no token is in the log, on a page, in the store or in the cache",
          any(file.endswith(".binpb") for file in files) and not found, (found, files))


def learns(check, prongd, server, name):
    check(f"{name}: a server that wants a token for its reflection tells its methods",
          state(prongd, name).get("state") == "fresh", state(prongd, name))
    lent = prongd.call(LEND, {"title": "x"}, [f"Prong-Target: {name}"])
    check(f"{name}: they can be called", lent.status == 200, lent)


def static(check, programs, scratch, server, ca):
    token = scratch.write("token", "SECRET-STATIC\n")
    stale = scratch.write("stale", "SECRET-STALE\n")
    with server:
        tables = (table("static", server, ca, f"token-file:{token}", 'quota_project = "billed"')
                  + table("refused", server, ca, f"token-file:{stale}")
                  + table("none", server, ca, "tls"))
        with Prongd(programs, tables) as prongd:
            learns(check, prongd, server, "static")
            check("static: the quota project goes with it",
                  any(token == "Bearer SECRET-STATIC" and project == "billed"
                      for method, token, project in server.seen if "Reflection" in method),
                  server.seen)
            for name in ("refused", "none"):
                reason = state(prongd, name).get("reason", "")
                check(f"{name}: a refusal is told by the code's name",
                      state(prongd, name).get("state") == "missing"
                      and "unauthenticated (who are you)" in reason, reason)
            quiet(check, prongd, "static", ["SECRET"])


def signed(check, programs, scratch, server, ca):
    key, public = scratch.file("account.key"), scratch.file("account.pub")
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
    openssl("pkey", "-in", key, "-pubout", "-out", public)
    pem = read(key).decode()
    account = scratch.write("account.json", json.dumps({
        "type": "service_account", "client_email": EMAIL, "private_key": pem,
        "private_key_id": "kid-7", "token_uri": "https://localhost:1/token"}))
    with server, Prongd(
            programs, table("signed", server, ca, f"service-account:{account}")) as prongd:
        learns(check, prongd, server, "signed")
        token = next(iter(server.asked())).removeprefix("Bearer ")
        _, said = verified(scratch, token, public)
        check("signed: the token is the account's own, for this server",
              said["iss"] == EMAIL and said["aud"] == f"https://{HOST}/", said)
        quiet(check, prongd, "signed", ["Bearer ey", token, pem.splitlines()[3]])


def exchanged(check, programs, scratch, server, ca, endpoint, environment):
    def user(name, path, base=endpoint.url):
        scratch.write(name, json.dumps({
            "type": "authorized_user", "client_id": "client", "client_secret": "SECRET-CLIENT",
            "refresh_token": "SECRET-REFRESH", "token_uri": f"{base}/{path}"}))
        return f"credential:{name}"

    with server:
        tables = (table("good", server, ca, user("good", "token"))
                  + table("invalid", server, ca, user("invalid", "invalid"))
                  + table("slow", server, ca, user("slow", "slow"))
                  + table("down", server, ca,
                          user("down", "token", f"https://localhost:{free_port()}")))
        began = time.monotonic()
        with Prongd(programs, tables, environment=environment) as prongd:
            took = time.monotonic() - began
            check("token endpoints that are broken hold up the start no longer than the patience",
                  took < 5 + 10, f"{took:.1f} s")
            learns(check, prongd, server, "good")
            for name, cause in (("invalid", "invalid_grant"), ("slow", "within"),
                                ("down", "cannot be reached")):
                said = state(prongd, name)
                check(f"{name}: without a token the target says why it was not asked",
                      said.get("state") == "missing"
                      and "there is no token for its reflection: " in said.get("reason", "")
                      and cause in said["reason"], said)
            check("and it was not asked without one", "" not in server.asked(), server.asked())
            quiet(check, prongd, "exchanged", ["SECRET"])
            user("invalid", "token")
            until("the corrected target tells its methods",
                  lambda: state(prongd, "invalid").get("state") == "fresh", 60)
            check("a credential that is corrected lets the target be asked again", True)
