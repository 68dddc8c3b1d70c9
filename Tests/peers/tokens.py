"""Tokens in every call: each kind of credential against a loopback translate.googleapis.com and a
loopback token endpoint, both with CAs of their own; and what happens when one of them is wrong."""

import json
import os
import time
import urllib.parse

import amazon
from endpoints import HOST, METHOD, Endpoint, Proxy, Translate, descriptors, verified
from support import Prongd, Scratch, checked, free_port, until
from tls import Authority, openssl

EMAIL = "caller@project.iam.gserviceaccount.com"


class Case:
    """The servers, keys and files of one run."""

    def __init__(self, scratch, translate, endpoint, ours):
        self.scratch = scratch
        self.translate = translate
        self.endpoint = endpoint
        self.ours = ours
        self.binpb = descriptors(scratch.file("translation.binpb"))
        self.key = scratch.file("account.key")
        self.public = scratch.file("account.pub")
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
                "-out", self.key)
        openssl("pkey", "-in", self.key, "-pubout", "-out", self.public)

    def write(self, name, content):
        text = content if isinstance(content, str) else json.dumps(content)
        return self.scratch.write(name, text)

    def account(self, **changes):
        with open(self.key, encoding="utf-8") as file:
            pem = file.read()
        return {"type": "service_account", "client_email": EMAIL, "private_key": pem,
                "private_key_id": "kid-7", "token_uri": f"{self.endpoint.url}/token"} | changes

    def user(self, path, base=None, **changes):
        return {"type": "authorized_user", "client_id": "client",
                "client_secret": "SECRET-CLIENT", "refresh_token": "SECRET-REFRESH",
                "token_uri": f"{base or self.endpoint.url}/{path}"} | changes

    def acting(self, source):
        url = f"{self.endpoint.url}/v1/projects/-/serviceAccounts/other@x:generateAccessToken"
        return {"type": "impersonated_service_account", "delegates": [],
                "service_account_impersonation_url": url, "source_credentials": source}

    def table(self, name, credentials, lines="", ca=None):
        return f"""
[targets.{name}]
address = "127.0.0.1:{self.translate.port}"
authority = "{HOST}"
ca = "{ca or self.ours.certificate}"
descriptors = ["{self.binpb}"]
credentials = "{credentials}"
metadata = {{ "x-case" = "{name}" }}
{lines}
"""


def call(prongd, target, timeout=10000, headers=()):
    return prongd.call(METHOD, {"text": target},
                       [f"Prong-Target: {target}", f"Connect-Timeout-Ms: {timeout}", *headers])


def carried(case, name):
    """The token of a target's last call."""
    return case.translate.of(name)[-1][1].get("authorization", "").removeprefix("Bearer ")


def claims(check, programs):
    with Scratch() as scratch:
        ours, strange = Authority(scratch, "ours"), Authority(scratch, "strange")
        tokens = Authority(scratch, "tokens")
        with Translate(*ours.sign(HOST)) as translate, \
                Endpoint(*tokens.sign("localhost")) as endpoint, \
                Endpoint(*strange.sign("localhost")) as stranger:
            case = Case(scratch, translate, endpoint, ours)
            environment = {"SSL_CERT_FILE": tokens.certificate, "SSL_CERT_DIR": "/nowhere"}
            kinds(check, programs, case, environment)
            faults(check, programs, case, environment, stranger, strange)
            renewal(check, programs, case, environment)
            defaults(check, programs, case, environment)
            proxied(check, programs, case, environment, tokens)
            amazon.walk(check, programs, case, environment)
            check_says(check, programs, case)


def kinds(check, programs, case, environment):
    endpoint = case.endpoint
    account = case.write("account.json", case.account(quota_project_id="billed-by-file"))
    acting = case.write("acting.json", case.acting(case.account()))
    case.write("subject.json", {"id_token": "SUBJECT-SECRET"})
    external = {
        "type": "external_account", "audience": "//iam/pool", "subject_token_type": "urn:jwt",
        "token_url": f"{endpoint.url}/sts",
        "credential_source": {"file": case.scratch.file("subject.json"),
                              "format": {"type": "json", "subject_token_field_name": "id_token"}}}
    file = case.write("external.json", external)
    by_url = dict(external, credential_source=dict(
        external["credential_source"], url=f"{endpoint.url}/subject"))
    del by_url["credential_source"]["file"]
    by_url["service_account_impersonation_url"] = case.acting({})[
        "service_account_impersonation_url"]
    url = case.write("external-url.json", by_url)
    static = case.write("token", "SECRET-STATIC-ONE\n")
    os.makedirs(case.scratch.file("handed"), exist_ok=True)
    case.write("handed/acting", case.acting(case.user("token")))
    targets = "".join([
        case.table("account", f"service-account:{account}"),
        case.table("scoped", f"service-account:{account}",
                   'scopes = ["https://s/one", "https://s/two"]\nquota_project = "mine"'),
        case.table("acting", "credential:acting"),
        case.table("external", f"external:{file}"),
        case.table("exturl", f"external:{url}"),
        case.table("static", f"token-file:{static}"),
        case.table("google", "google")])
    environment = dict(environment, CREDENTIALS_DIRECTORY=case.scratch.file("handed"),
                       GOOGLE_APPLICATION_CREDENTIALS=acting)
    with Prongd(programs, targets, environment=environment) as prongd:
        for name in ("account", "scoped", "acting", "external", "exturl", "static", "google"):
            until(f"{name} is up", lambda name=name: prongd.target(name)["state"] == "up")
            check(f"a call with {name} credentials succeeds", call(prongd, name).status == 200,
                  prongd.target(name))
        self_signed(check, case)
        exchanged(check, case)
        refused = call(prongd, "static", headers=["Authorization: Bearer x"])
        check("a caller's own Authorization is refused where the target has credentials",
              refused.status == 400 and "credentials of its own" in refused.json()["message"],
              refused)
        case.write("token.new", "SECRET-STATIC-TWO\n")
        os.replace(case.scratch.file("token.new"), static)

        def is_new():
            call(prongd, "static")
            return carried(case, "static") == "SECRET-STATIC-TWO"
        check("a token file that is replaced is read again", until("the new token", is_new, 10))
        quiet(check, prongd, "with every kind of credential", case)


def self_signed(check, case):
    head, said = verified(case.scratch, carried(case, "account"), case.public)
    check("a service account's token is signed by its key, which is named",
          head == {"typ": "JWT", "alg": "RS256", "kid": "kid-7"}, head)
    check("it is for the API's host alone, for an hour, from now",
          said["aud"] == f"https://{HOST}/" and "scope" not in said
          and said["exp"] - said["iat"] == 3600 and abs(said["iat"] - time.time()) < 60
          and said["iss"] == said["sub"] == EMAIL, said)
    projects = [case.translate.of(name)[-1][1].get("x-goog-user-project")
                for name in ("account", "scoped", "static")]
    check("the quota project is the settings', else the file's, else none",
          projects == ["billed-by-file", "mine", None], projects)


def grants(case):
    """The assertions that the endpoint was asked with, each with a good signature, by scope."""
    found = {}
    for _, _, body in case.endpoint.asked("/token"):
        form = urllib.parse.parse_qs(body)
        if form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]:
            head, said = verified(case.scratch, form["assertion"][0], case.public)
            found[said["scope"]] = (head, said)
    return found


def exchanged(check, case):
    endpoint = case.endpoint
    asked = grants(case)
    head, said = asked["https://s/one https://s/two"]
    check("with scopes a service account asks its token endpoint, with an assertion it signs",
          head == {"typ": "JWT", "alg": "RS256", "kid": "kid-7"}
          and said["iss"] == EMAIL and "sub" not in said, (head, said))
    check("for that endpoint, for an hour, from now",
          said["aud"] == f"{case.endpoint.url}/token" and said["exp"] - said["iat"] == 3600
          and abs(said["iat"] - time.time()) < 60, said)
    check("its call carries the access token that the endpoint gave",
          carried(case, "scoped").startswith("TOKEN-SECRET-token"), carried(case, "scoped"))
    check("acting as another, a service account asks for a grant with the scope for that",
          asked.get("https://www.googleapis.com/auth/iam", ({}, {}))[1].get("iss") == EMAIL,
          list(asked))
    for name in ("google", "acting", "exturl"):
        check(f"the call of {name} carries the other account's token",
              carried(case, name).startswith("TOKEN-SECRET-acting"), carried(case, name))
    asked = endpoint.asked("/v1/projects")
    bodies = [json.loads(body) for _, _, body in asked]
    check("it was asked for with the API's scopes and a token of the source",
          all(body["scope"] == ["https://www.googleapis.com/auth/cloud-translation"]
              for body in bodies)
          and all("Bearer TOKEN-SECRET" in headers["Authorization"] for _, headers, _ in asked),
          bodies)
    form = urllib.parse.parse_qs(endpoint.asked("/sts")[0][2])
    check("an external account's subject token is exchanged",
          form["subject_token"] == ["SUBJECT-SECRET"] and form["audience"] == ["//iam/pool"]
          and carried(case, "external").startswith("TOKEN-SECRET-sts"), form)


def faults(check, programs, case, environment, stranger, strange):
    def user(name, path, base=None):
        return f"credential:{os.path.basename(case.write(f'handed/{name}', case.user(path, base)))}"

    static = case.write("token", "SECRET-STATIC\n")
    causes = {
        "down": ("token", f"https://127.0.0.1:{free_port()}", "cannot be reached: connection"),
        "slow": ("slow", None, "did not answer within"),
        "html": ("html", None, "with what is not JSON"),
        "invalid": ("invalid", None, "answered 400: invalid_grant"),
        "redirect": ("redirect", None, "prong follows none"),
        "trickling": ("trickle", None, "did not answer within"),
        "endless": ("flood", None, "with more than 65536 bytes"),
        "untrusted": ("token", stranger.url, "its certificate is not trusted"),
    }
    targets = "".join(
        case.table(name, user(name, path, base)) for name, (path, base, _) in causes.items())
    foreign = case.write("foreign.json", case.account(token_uri=f"{stranger.url}/token"))
    targets += case.table(
        "foreign", f"service-account:{foreign}", 'scopes = ["https://s/one"]')
    causes["foreign"] = ("token", stranger.url, "its certificate is not trusted")
    expired = case.write(
        "expired.json", case.account(token_uri=f"{case.endpoint.url}/expired"))
    targets += case.table(
        "expired", f"service-account:{expired}", 'scopes = ["https://s/one"]')
    causes["expired"] = ("expired", None, "invalid_grant (Invalid JWT Signature.)")
    targets += case.table("absent", "google")
    causes["absent"] = ("", None, "cannot be reached: connection")
    revoked = case.write("revoked.json", case.account())
    targets += case.table("revoked", f"service-account:{revoked}")
    spoiled = case.write("spoiled.json", case.account())
    targets += case.table("spoiled", f"service-account:{spoiled}")
    case.translate.refused.add("revoked")
    targets += case.table("good", f"token-file:{static}")
    targets += case.table("wrongca", f"token-file:{static}", ca=strange.certificate)
    environment = dict(environment, CREDENTIALS_DIRECTORY=case.scratch.file("handed"),
                       GCE_METADATA_HOST=f"127.0.0.1:{free_port()}",
                       CLOUDSDK_CONFIG=case.scratch.file("nothing"))
    with Prongd(programs, targets, environment=environment) as prongd:
        until("good is up", lambda: prongd.target("good")["state"] == "up")
        began = time.monotonic()
        check("a target beside broken ones answers at once",
              call(prongd, "good").status == 200 and time.monotonic() - began < 5)
        jobs = {}
        for name in [*causes, "wrongca"]:
            answer = prongd.ask("POST", "/v1/jobs", {
                "method": METHOD, "target": name, "request": {"text": name}})
            jobs[name] = answer.json()["id"]
        for name, (_, _, cause) in causes.items():
            def blocked(name=name, cause=cause):
                return cause in prongd.ask("GET", f"/v1/jobs/{jobs[name]}").json()["blocked"]
            check(f"a job behind a token endpoint that is {name} is blocked with the cause",
                  until(f"{name}: {cause}", blocked, 20))
        direct = call(prongd, "invalid", timeout=300)
        check("a direct call that its target never took says why",
              direct.status == 504 and "invalid_grant" in direct.json()["message"], direct)
        clients = prongd.ask("GET", "/v1/workers").json()["workers"][0]["clients"]
        reasons = {client["target"]: client.get("reason", "") for client in clients}
        check("the workers' clients say it", "invalid_grant" in reasons["invalid"], reasons)
        jobs_now = [prongd.ask("GET", f"/v1/jobs/{job}").json() for job in jobs.values()]
        check("no attempt was burnt",
              all(job["state"] == "queued" and not job.get("attempts") for job in jobs_now),
              jobs_now)
        check("nothing reached the API without a token or over an untrusted connection",
              not any(case.translate.of(name) for name in [*causes, "wrongca"]))
        check("nothing was asked of a token endpoint that is not trusted",
              not stranger.requests, stranger.requests)
        case.write("handed/invalid", case.user("token"))
        ended = prongd.ask("GET", f"/v1/jobs/{jobs['invalid']}?wait=20s").json()
        check("a credential file that is corrected lets the job go on",
              ended["state"] == "succeeded", ended)
        check("the slow endpoint kept none of it up", call(prongd, "good").status == 200)
        unknown(check, prongd)
        malformed(check, case, prongd)
        quiet(check, prongd, "with every kind of fault", case)


def unknown(check, prongd):
    """A key that signs well, and that the API knows no more."""
    answer = call(prongd, "revoked")
    check("a self-signed token of a key that was taken back ends the call with the API's words",
          answer.status == 401 and "the key is unknown" in answer.json()["message"], answer)
    job = prongd.ask("POST", "/v1/jobs?wait=20s", {
        "method": METHOD, "target": "revoked", "request": {"text": "x"}}).json()
    check("and its job with the cause",
          job["state"] == "failed" and "the key is unknown" in json.dumps(job["error"]), job)


def malformed(check, case, prongd):
    """A key file that becomes none while prong runs."""
    check("a target with a good key answers", call(prongd, "spoiled").status == 200)
    case.write("spoiled.new", "SECRET, no JSON")
    os.replace(case.scratch.file("spoiled.new"), case.scratch.file("spoiled.json"))
    until("the log says it", lambda: "spoiled.json: this is not JSON" in prongd.running.text())
    check("a key file that is spoiled is told, and the token that is there goes on",
          call(prongd, "spoiled").status == 200)


def renewal(check, programs, case, environment):
    """Tokens of two seconds: each call carries one that is still good, and there are several."""
    case.endpoint.life = 2
    case.write("handed/short", case.user("token"))
    account = case.write("renewed.json", case.account())
    environment = dict(environment, CREDENTIALS_DIRECTORY=case.scratch.file("handed"))
    targets = case.table("short", "credential:short")
    targets += case.table("granted", f"service-account:{account}", 'scopes = ["https://s/short"]')
    try:
        with Prongd(programs, targets, environment=environment) as prongd:
            renewed(check, case, prongd, "short", "a user's tokens")
            renewed(check, case, prongd, "granted", "a service account's tokens with scopes")
    finally:
        case.endpoint.life = 3600
    assertions = [body for _, _, body in case.endpoint.asked("/token") if "assertion" in body]
    check("each was asked for with an assertion", len(assertions) >= 4, len(assertions))


def renewed(check, case, prongd, name, what):
    until(f"{name} is up", lambda: prongd.target(name)["state"] == "up")

    def several():
        answer = call(prongd, name)
        if answer.status != 200:
            raise RuntimeError(answer)
        return len({entry["authorization"] for _, entry in case.translate.of(name)}) >= 4
    check(f"{what} are renewed before they end", until("four tokens", several, 30))
    late = [when - case.endpoint.given[entry["authorization"].removeprefix("Bearer ")]
            for when, entry in case.translate.of(name)]
    check(f"no call carried one of {what} that had ended", max(late) < 0, late)


def defaults(check, programs, case, environment):
    case.write("handed/application_default_credentials.json", case.user("token"))
    with Endpoint() as metadata:
        own = dict(environment, GCE_METADATA_HOST=f"127.0.0.1:{metadata.port}",
                   GOOGLE_CLOUD_QUOTA_PROJECT="by-environment",
                   CLOUDSDK_CONFIG=case.scratch.file("nothing"))
        with Prongd(programs, case.table("gce", "google"), environment=own) as prongd:
            until("gce is up", lambda: prongd.target("gce")["state"] == "up")
            check("without a file the metadata server is asked",
                  call(prongd, "gce").status == 200
                  and carried(case, "gce").startswith("TOKEN-SECRET-computeMetadata"))
            path, headers, _ = metadata.requests[0]
            check("as Google's clients ask it",
                  headers.get("Metadata-Flavor") == "Google" and "scopes=https%3A" in path, path)
            check("the environment names the quota project",
                  case.translate.of("gce")[-1][1].get("x-goog-user-project") == "by-environment")
        own["CLOUDSDK_CONFIG"] = case.scratch.file("handed")
        with Prongd(programs, case.table("gcloud", "google"), environment=own) as prongd:
            until("gcloud is up", lambda: prongd.target("gcloud")["state"] == "up")
            call(prongd, "gcloud")
            check("gcloud's file goes before the metadata server",
                  carried(case, "gcloud").startswith("TOKEN-SECRET-token"))


def proxied(check, programs, case, environment, authority):
    """An endpoint that only a proxy can find."""
    with Endpoint(*authority.sign("token.test")) as endpoint, Proxy(endpoint.port) as proxy:
        case.write("handed/far", case.user("token", "https://token.test"))
        environment = dict(environment, CREDENTIALS_DIRECTORY=case.scratch.file("handed"),
                           HTTPS_PROXY=f"http://{proxy.address}")
        with Prongd(programs, case.table("far", "credential:far"),
                    environment=environment) as prongd:
            until("far is up", lambda: prongd.target("far")["state"] == "up")
            check("a token comes through the proxy of the environment, in a tunnel",
                  call(prongd, "far").status == 200 and bool(endpoint.asked("/token"))
                  and set(proxy.asked) == {"CONNECT token.test:443 HTTP/1.1"}, proxy.asked)


def quiet(check, prongd, when, case):
    """No secret is anywhere that a person looks."""
    prongd.running.process.send_signal(10)
    until("the dump is written", lambda: prongd.running.text().count("state: ") >= 2)
    pages = [prongd.ask("GET", path).body.decode() for path in (
        "/v1/status", "/v1/workers", "/v1/targets", "/v1/jobs", "/metrics", "/readyz")]
    everything = "\n".join([prongd.running.text(), *pages])
    state = prongd.scratch.file("state")
    for name in os.listdir(state):
        with open(os.path.join(state, name), "rb") as file:
            everything += file.read().decode("latin-1")
    for process in os.listdir("/proc"):
        if process.isdigit():
            try:
                with open(f"/proc/{process}/cmdline", "rb") as file:
                    line = file.read().decode("latin-1")
            except OSError:
                continue
            everything += line if "prong" in line else ""
    with open(case.key, encoding="utf-8") as file:
        pem = file.read().splitlines()[3]
    found = [word for word in ("SECRET", "Bearer ey", pem) if word in everything]
    check(f"no secret is in log, dump, status, store or ps {when}", not found, found)


def check_says(check, programs, case):
    def said(credentials, environment=None, lines=""):
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith(("GOOGLE_", "CLOUDSDK", "GCE_", "CREDENTIALS_", "AWS_"))}
        return checked(programs, case.scratch, case.table("t", credentials, lines),
                       clean | (environment or {}))

    good = case.write("account.json", case.account())
    broken = case.write("broken.json", case.account(private_key="SECRET-KEY"))
    curve = case.scratch.file("curve.key")
    openssl("genpkey", "-algorithm", "ED25519", "-out", curve)
    with open(curve, encoding="utf-8") as file:
        other = case.write("other.json", case.account(private_key=file.read()))
    aws = case.write("aws.json", amazon.external(case, {}))
    running = case.write("running.json", {
        "type": "external_account", "audience": "a", "subject_token_type": "t",
        "credential_source": {"executable": {"command": "SECRET"}}})
    cases = [
        (f"service-account:{case.scratch.file('gone.json')}", {}, "gone.json: no such file"),
        (f"service-account:{case.key}", {}, "this is not JSON"),
        (f"service-account:{broken}", {}, "its private_key is no PEM"),
        (f"external:{good}", {}, "its type is service_account, not external_account"),
        (f"service-account:{other}", {}, "its private_key is neither RSA nor"),
        (f"external:{aws}", {}, "has no region_url, and AWS_REGION is not set"),
        (f"external:{aws}", {"AWS_REGION": "r"}, "has no url, and AWS_ACCESS_KEY_ID"),
        (f"external:{running}", {}, "of the kind executable, and prong runs no program"),
        ("credential:x", {}, "$CREDENTIALS_DIRECTORY is not set"),
        ("credential:x", {"CREDENTIALS_DIRECTORY": case.scratch.path}, "x: no such file"),
        (f"token-file:{case.key}", {}, "no token alone on one line"),
        ("google", {"GOOGLE_APPLICATION_CREDENTIALS": broken}, "its private_key is no PEM"),
        ("google", {"NO_GCE_CHECK": "true", "HOME": "/nowhere"}, "no application default"),
    ]
    for credentials, environment, wanted in cases:
        ended = said(credentials, environment)
        kind = credentials.split(":")[0]
        check(f"--check says of {kind}: {wanted}",
              ended.returncode == 78 and wanted in ended.stderr
              and "SECRET" not in (ended.stderr + ended.stdout).replace("AWS_SECRET", ""), ended)
    ended = said(f"service-account:{good}", lines='universe_domain = "other.example"')
    check("--check says that a key is of another universe",
          ended.returncode == 78 and "of the universe googleapis.com" in ended.stderr, ended)
    ended = said(f"service-account:{good}")
    check("--check finds no fault with a good key", ended.returncode == 0, ended)
