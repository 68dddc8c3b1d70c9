"""External accounts on AWS: what prong gives to the token service of Google is, to the byte, what
google.auth.aws gives it with the same keys at the same second; where region and keys come from."""

import contextlib
import datetime
import json
import os
import random
import string
import urllib.parse
from unittest import mock

from endpoints import Endpoint
from google.auth import _helpers, aws
from support import Prongd, until

AUDIENCE = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"
TYPE = "urn:ietf:params:aws:token-type:aws4_request"
REGIONAL = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
             "AWS_SESSION_TOKEN")


def external(case, source, sts="sts"):
    return {
        "type": "external_account", "audience": AUDIENCE, "subject_token_type": TYPE,
        "token_url": f"{case.endpoint.url}/{sts}",
        "credential_source": {
            "environment_id": "aws1", "regional_cred_verification_url": REGIONAL} | source}


def expected(file, environment, subject):
    """What Google's client makes of the same file and environment, at the time in `subject`."""
    said = json.loads(urllib.parse.unquote(subject))
    date = next(field["value"] for field in said["headers"] if field["key"] == "x-amz-date")
    when = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ")
    credentials = aws.Credentials(
        audience=file["audience"], subject_token_type=TYPE, token_url=file["token_url"],
        credential_source=file["credential_source"])
    clean = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    with mock.patch.object(_helpers, "utcnow", return_value=when), \
            mock.patch.dict(os.environ, clean | environment, clear=True):
        return credentials.retrieve_subject_token(None), date


def subjects(case, sts):
    return [urllib.parse.parse_qs(body)["subject_token"][0]
            for path, _, body in case.endpoint.asked(f"/{sts}") if path == f"/{sts}"]


def some(generator, letters, most):
    return "".join(generator.choice(letters) for _ in range(generator.randint(1, most)))


def sources(count):
    """Verification URLs with paths and queries that must be put in order; always the same ones."""
    generator = random.Random(4)
    plain = string.ascii_letters + string.digits + "-._~"
    yield REGIONAL
    for _ in range(count):
        path = "".join("/" + generator.choice([".", "..", some(generator, plain, 5)])
                       for _ in range(generator.randint(0, 4)))
        fields = []
        for _ in range(generator.randint(0, 5)):
            value = some(generator, plain + "+*:/@ %é", 4)
            fields.append(some(generator, "ab", 2) + generator.choice(["=", ""])
                          + urllib.parse.quote(value, safe="+*:/@~"))
        host = generator.choice(["sts", "sts-fips", "STS"])
        yield f"https://{host}.{{region}}.x.example{path or '/'}?{'&'.join(fields)}"


def walk(check, programs, case, environment):
    signed(check, programs, case, environment)
    asked(check, programs, case, environment)


def signed(check, programs, case, environment):
    """Keys from the environment, with a session token that needs escaping."""
    own = {"AWS_REGION": "us-east-2", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
           "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+SECRETKEY",
           "AWS_SESSION_TOKEN": "IQoJ/+=SECRET"}
    files = {}
    targets = ""
    for number, url in enumerate(sources(12)):
        name = f"aws{number}"
        files[name] = external(case, {"regional_cred_verification_url": url}, f"sts-{name}")
        targets += case.table(name, f"external:{case.write(f'{name}.json', files[name])}")
    with Prongd(programs, targets, environment=environment | own) as prongd:
        for name in files:
            until(f"{name} is up", lambda name=name: prongd.target(name)["state"] == "up")
        log = prongd.running.text()
    different = []
    for name, file in files.items():
        subject = subjects(case, f"sts-{name}")[0]
        wanted, date = expected(file, own, subject)
        if subject != wanted:
            different.append((urllib.parse.unquote(subject), urllib.parse.unquote(wanted)))
        age = datetime.datetime.utcnow() - datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ")
        if not 0 <= age.total_seconds() < 600:
            different.append(date)
    check("on AWS the subject token is google.auth.aws's own, to the byte", not different,
          different)
    forms = [urllib.parse.parse_qs(body) for _, _, body in case.endpoint.asked("/sts-aws")]
    check("it goes to the token service with its type and audience",
          all(form["subject_token_type"] == [TYPE] and form["audience"] == [AUDIENCE]
              for form in forms))
    check("AWS's secret key goes nowhere",
          not any("SECRETKEY" in body for _, _, body in case.endpoint.requests)
          and "SECRET" not in log)


@contextlib.contextmanager
def machine():
    """A metadata server as a machine of AWS has it."""
    with Endpoint() as metadata:
        metadata.pages = {
            "session": "SESSION-SECRET", "zone": "eu-central-1b", "roles": "the-role"}
        keys = json.dumps({"Code": "Success", "AccessKeyId": "ASIAKEY",
                           "SecretAccessKey": "MACHINE/SECRETKEY", "Token": "MACHINE+SECRET="})
        content = metadata.content

        def answer(path, kind, body):
            if path == "/roles/the-role":
                return 200, {}, keys
            return content(path, kind, body)
        metadata.content = answer
        yield metadata


def asked(check, programs, case, environment):
    with machine() as metadata:
        base = f"http://127.0.0.1:{metadata.port}"
        file = external(case, {
            "region_url": f"{base}/zone", "url": f"{base}/roles",
            "imdsv2_session_token_url": f"{base}/session"}, "sts-machine")
        gone = external(case, {"region_url": f"{base}/html/x", "url": "http://127.0.0.1:1/"})
        targets = case.table("machine", f"external:{case.write('machine.json', file)}")
        targets += case.table("gone", f"external:{case.write('nowhere.json', gone)}")
        with Prongd(programs, targets, environment=environment) as prongd:
            until("machine is up", lambda: prongd.target("machine")["state"] == "up")
            until("gone is told",
                  lambda: "AWS gave no region: " in prongd.target("gone").get("reason", "")
                  or "AWS gave no region: " in prongd.running.text())
            check("a metadata server that gives no region is told as that, beside a good one",
                  prongd.target("gone")["state"] == "down"
                  and "SECRET" not in prongd.running.text())
        questions = [(path, headers.get("X-aws-ec2-metadata-token"))
                     for path, headers, _ in metadata.requests if not path.startswith("/html")]
        check("the metadata server is asked for a session first, then with it",
              questions[0] == ("/session", None)
              and set(questions) == {("/session", None), ("/zone", "SESSION-SECRET"),
                                     ("/roles", "SESSION-SECRET"),
                                     ("/roles/the-role", "SESSION-SECRET")}, questions)
        subject = subjects(case, "sts-machine")[0]
        wanted, _ = expected(file, {
            "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "ASIAKEY",
            "AWS_SECRET_ACCESS_KEY": "MACHINE/SECRETKEY",
            "AWS_SESSION_TOKEN": "MACHINE+SECRET="}, subject)
        check("and its region and keys sign as google.auth.aws signs", subject == wanted, subject)
