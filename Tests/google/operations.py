#!/usr/bin/env python3
"""Jobs that follow long-running operations, between prongd and a server that plays GKE's operations
and those of google.longrunning; and what is left of them whatever is killed.

  operations.py --programs FOLDER [--only TEXT]

FOLDER holds prongd and prong as built with fault points. First what a user sees: ends, errors,
cancels, time-outs, the polls themselves. Then kill -9 of the workers, the queue, all children and
the whole of prongd at every step of such a job (kills.py): a call that is not safe to repeat
reaches the server once, and the job ends as its operation ends, or is `unknown` if what was killed
alone knew the operation's name. Between the two: targets that are down, hang or are paused while
jobs wait (sick.py). The last line is 'N passed, N failed'.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from concurrent import futures

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE), str(ROOT / "Tests/peers")]

from google.api_core.gapic_v1 import routing_header  # noqa: E402
from google.rpc import error_details_pb2  # noqa: E402
from clusters import GKE, TRANSLATION, Clusters  # noqa: E402
import kills  # noqa: E402
import sick  # noqa: E402
from support import Claims, Prongd, unpadded, until  # noqa: E402
from targets import set_table  # noqa: E402

PARENT = kills.PARENT
CREATE = kills.CREATE
PACKAGES = ("google-cloud-container", "google-cloud-translate")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True, help="the folder with prongd and prong")
    parser.add_argument("--only", default="", help="only kills whose name holds this")
    return parser.parse_args()


def make_sets(folder):
    subprocess.run(
        [ROOT / "Packaging/google/descriptors", "--out", folder, *PACKAGES],
        check=True, env=dict(os.environ, PRONG_PYTHON=sys.executable))


def tables(address, sets):
    return "".join([
        set_table("gke", address, f"{sets}/container", GKE),
        set_table("gke-cancels", address, f"{sets}/container", GKE, "cancel_operation = true"),
        set_table("gke-short", address, f"{sets}/container", GKE, 'operation_timeout = "1s"'),
        set_table("translate", address, f"{sets}/translate", TRANSLATION),
        set_table("translate-cancels", address, f"{sets}/translate", TRANSLATION,
                  "cancel_operation = true")])


def encoded(name):
    """The routing header's value, by Google's own library."""
    return routing_header.to_routing_header([("name", name)])


class Seen:
    """What a user sees, in one prongd; each `claims_` method runs beside the others and gives
    (claim, holds, what was seen)."""

    def __init__(self, programs, prongd, server):
        self.programs = programs
        self.prongd = prongd
        self.server = server

    def submit(self, kind, target="gke", **more):
        answer = self.prongd.ask("POST", "/v1/jobs", dict(
            kills.create(kind), target=target, **more))
        if answer.status != 202:
            raise RuntimeError(f"not accepted: {answer}")
        return answer.json()["id"]

    def end(self, job):
        return kills.end(self.prongd, job)

    def show(self, job):
        return subprocess.run(
            [os.path.join(self.programs, "prong"), "--socket", self.prongd.socket, "show", job],
            capture_output=True, text=True, timeout=60, check=False).stdout

    def waiting(self, job):
        return until("it waits", lambda: kills.shown(self.prongd, job, "waiting"))

    def submit_translation(self, kind, target="translate"):
        answer = self.prongd.ask("POST", "/v1/jobs", {
            "method": f"{TRANSLATION}/BatchTranslateText", "waitOperation": True,
            "target": target, "request": {
                "parent": PARENT, "sourceLanguageCode": "en", "labels": {"kind": kind}}})
        return answer.json()["id"]

    def translate(self, kind):
        return self.end(self.submit_translation(kind))

    def claims_gke(self):
        job = self.end(self.submit("done-2"))
        name, response = job.get("operationName", ""), job.get("response", {})
        yield ("a GKE job ends with the final operation", job["state"] == "succeeded"
               and response.get("status") == "DONE" and response.get("detail") == "made", job)
        short = response.get("name")
        yield ("it names its operation in full", short and name
               == f"{PARENT}/operations/{short}", job)
        metadata = job.get("operationMetadata", {})
        yield ("its operationMetadata is the operation as last seen", metadata.get("@type")
               == "type.googleapis.com/google.container.v1.Operation"
               and metadata.get("status") == "DONE", job)
        polls = self.server.polls_of(name)
        yield ("its polls name the operation in full, as often as it took", len(polls) == 2, polls)
        headers = {poll.metadata.get("x-goog-request-params") for poll in polls}
        yield ("its polls are routed as Google's library does it", headers == {encoded(name)},
               headers)
        yield ("its polls are no attempts of it", job["attemptCount"] == 1, job)

    def claims_places(self):
        """The server names a zone in each operation, and knows none by it."""
        kind = {"cluster": {"name": "done-1"}}
        for what, request, place in (
                ("parent", {"parent": PARENT}, PARENT),
                ("projectId and zone", {"projectId": "p9", "zone": "z9"},
                 "projects/p9/locations/z9")):
            job = self.end(self.submit("done-1", request={**request, **kind}))
            yield (f"an operation is followed at the place of the request's {what}",
                   job["state"] == "succeeded"
                   and job["operationName"].startswith(f"{place}/operations/op-"), job)
        job = self.end(self.submit("done-1", request=kind))
        message = job.get("error", {}).get("message", "")
        yield ("one without a project fails the job, which says what is missing",
               job["state"] == "failed" and "tells its project;" in message
               and job["operationName"] in message and "may still go on" in message, job)

    def claims_gke_while_it_waits(self):
        job = self.submit("done-3")
        shown = self.waiting(job)
        yield ("a waiting job shows its operation", shown.get("operationName", "").startswith(
            f"{PARENT}/operations/op-") and shown.get("operationMetadata", {}).get("status")
            == "RUNNING", shown)
        text = self.show(job)
        yield ("prong show shows it too, and how far it is", shown["operationName"] in text
               and text.count("\nprogress (Operation)\n") == 1
               and re.findall("^  status +(.*)$", text, re.M) == ["RUNNING"], text)
        yield ("it ends well", self.end(job)["state"] == "succeeded", job)

    def claims_translation(self):
        job = self.translate("done-2")
        yield ("a translation's job ends with the typed response", job["state"] == "succeeded"
               and job.get("response") == {"totalCharacters": "42"}, job)
        name = job.get("operationName", "")
        polls = self.server.polls_of(name)
        yield ("google.longrunning.Operations was asked", len(polls) == 2
               and {poll.metadata.get("x-goog-request-params") for poll in polls}
               == {encoded(name)}, polls)
        yield ("its metadata is typed", job.get("operationMetadata") == {
            "@type": "type.googleapis.com/google.cloud.translation.v3.BatchTranslateMetadata",
            "translatedCharacters": "2"}, job)

    def claims_errors(self):
        for what, job in (("GKE", self.end(self.submit("fails-1"))),
                          ("a translation", self.translate("fails-1"))):
            error = job.get("error", {})
            details = error.get("details", [])
            info = error_details_pb2.ErrorInfo.FromString(
                unpadded(details[0]["value"]) if details else b"")
            yield (f"an operation of {what} that fails gives the job its code, message, details",
                   job["state"] == "failed" and error.get("code") == "failed_precondition"
                   and error.get("message") == "no quota · 本" and info.reason == "QUOTA", job)
            text = self.show(job["id"])
            yield (f"prong show shows the error of {what} with its details",
                   "failed_precondition: no quota" in text and len(re.findall(
                       r"\nerror details\n  google\.rpc\.ErrorInfo +reason: QUOTA\b", text)) == 1,
                   text)

    def claims_bare(self):
        job = self.translate("bare-1")
        yield ("an operation that is done, with neither response nor error, has failed",
               job["state"] == "failed" and job["error"]["code"] == "internal"
               and "neither a response nor an error" in job["error"]["message"], job)

    def claims_wordy(self):
        job = self.submit_translation("wordy")
        name = self.waiting(job)["operationName"]
        until("it was asked for twice", lambda: len(self.server.polls_of(name)) > 1)
        shown = self.prongd.ask("GET", f"/v1/jobs/{job}").json()
        yield ("progress beyond 16 KiB is not kept, the job goes on",
               shown["state"] == "waiting" and "operationMetadata" not in shown, shown)
        self.prongd.ask("DELETE", f"/v1/jobs/{job}")

    def claims_vanished(self):
        job = self.end(self.submit("vanishes"))
        message = job.get("error", {}).get("message", "")
        yield ("an operation that is not found fails the job, and says which one was begun",
               job["state"] == "failed" and job["error"]["code"] == "not_found"
               and job["operationName"] in message and "no such operation" in message, job)

    def claims_denied(self):
        for submit in (self.submit, self.submit_translation):
            job = self.end(submit("denied"))
            error = job.get("error", {})
            message = error.get("message", "")
            yield ("a poll that is not allowed fails the job, and says which operation goes on",
                   job["state"] == "failed" and error["code"] == "permission_denied"
                   and job["operationName"] in message and "cannot be followed" in message
                   and "container.operations.get" in message, job)

    def claims_passing(self):
        jobs = {kind: self.submit(kind) for kind in ("away-1", "away-6", "stutters-2")}
        for kind, job in jobs.items():
            job = self.end(job)
            failed = int(kind.partition("-")[2])
            yield (f"polls that fail in passing are made again: {kind}",
                   job["state"] == "succeeded" and job["attemptCount"] == 1
                   and len(self.server.polls_of(job["operationName"])) == failed + 1, job)

    def claims_troubled(self):
        job = self.submit("stutters-1000")
        until("the job says why it is not followed", lambda: "back in a moment" in self.prongd.ask(
            "GET", f"/v1/jobs/{job}").json().get("blocked", ""))
        shown = self.prongd.ask("GET", f"/v1/jobs/{job}").json()
        yield ("a job whose polls fail in passing waits, and says how they failed",
               shown["state"] == "waiting", shown)
        self.prongd.ask("DELETE", f"/v1/jobs/{job}")

    def claims_timeout(self):
        job = self.end(self.submit("runs", "gke-short"))
        yield ("operation_timeout fails the job, and says that the operation may go on",
               job["state"] == "failed" and job["error"]["code"] == "deadline_exceeded"
               and "may still go on" in job["error"]["message"], job)
        yield ("and what to do", job["operationName"] in job["error"]["message"]
               and "a longer operation_timeout" in job["error"]["message"], job)

    def claims_cancel(self):
        for target, count in (("gke", 0), ("gke-cancels", 1), ("translate-cancels", 1)):
            submit = self.submit_translation if "translate" in target else self.submit
            job = submit("runs", target)
            name = self.waiting(job)["operationName"]
            answer = self.prongd.ask("DELETE", f"/v1/jobs/{job}")
            ended = self.end(job)
            yield (f"a waiting job of {target} is cancelled, and says what may still be",
                   answer.status == 200 and ended["state"] == "cancelled"
                   and name in ended["error"]["message"], (answer, ended))

            def told(name=name):
                return [cancel for cancel in self.server.cancels if cancel.name == name]
            if count:
                until(f"CancelOperation of {name} arrives", told)
                until("the job says so", lambda job=job: "was told to stop" in kills.shown(
                    self.prongd, job, "cancelled")["error"]["message"])
            yield (f"CancelOperation reaches {target} {count} times", len(told()) == count
                   and all(cancel.metadata.get("x-goog-request-params") == encoded(name)
                           for cancel in told()), self.server.cancels)

    def claims_cancel_many(self):
        jobs = [self.submit("runs", "gke", batch="cancelled-at-once") for _ in range(3)]
        for job in jobs:
            self.waiting(job)
        answer = self.prongd.ask(
            "POST", "/v1/jobs:cancel?batch=cancelled-at-once&state=waiting")
        yield ("all waiting jobs that a filter names are cancelled", answer.status == 200
               and answer.json().get("matched") == 3
               and {self.end(job)["state"] for job in jobs} == {"cancelled"}, answer)

    def claims_header(self):
        answer = self.prongd.call(CREATE, kills.create("done-1")["request"], [
            "Prong-Wait-Operation: true", "Prong-Target: gke"])
        yield ("Prong-Wait-Operation holds a call until its operation ends", answer.status == 200
               and answer.json().get("status") == "DONE" and "prong-job" in answer.headers, answer)
        answer = self.prongd.call(CREATE, kills.create("fails-1")["request"], [
            "Prong-Wait-Operation: true", "Prong-Target: gke"])
        yield ("an operation's error is the call's", answer.status == 400
               and answer.json().get("code") == "failed_precondition"
               and answer.headers.get("prong-origin") == "target", answer)

    def claims_refusals(self):
        body = {"method": f"{GKE}/GetCluster", "request": {}, "target": "gke"}
        answer = self.prongd.ask("POST", "/v1/jobs", dict(body, waitOperation=True))
        yield ("waitOperation on a method that begins none is refused", answer.status == 400
               and "begins no long-running operation" in answer.json()["message"], answer)
        answer = self.prongd.call(f"{GKE}/GetCluster", {}, [
            "Prong-Wait-Operation: true", "Prong-Target: gke"])
        yield ("so is the header", answer.status == 400, answer)
        job = self.prongd.ask("POST", "/v1/jobs?wait=30s", {
            **kills.create("runs"), "target": "gke", "waitOperation": False}).json()
        yield ("without it the job's response is the operation as begun",
               job["state"] == "succeeded" and job["response"]["status"] == "RUNNING"
               and "operationName" not in job, job)


def ordinary(programs, sets):
    """All claims of Seen, at once: most of their time is the wait for the next poll."""
    with Clusters() as server, Prongd(programs, tables(server.address, sets)) as prongd, \
            futures.ThreadPoolExecutor(16) as threads:
        seen = Seen(programs, prongd, server)
        for group in [threads.submit(kills.attempt, name, getattr(seen, name))
                      for name in dir(seen) if name.startswith("claims_")]:
            yield from group.result()


def gone(programs, sets):
    """A target that is not in the settings for a while."""
    with Clusters() as server:
        others = set_table("others", server.address, f"{sets}/translate", TRANSLATION)
        both = others + set_table(
            "gke", server.address, f"{sets}/container", GKE, "cancel_operation = true")
        with Prongd(programs, both) as prongd:
            seen = Seen(programs, prongd, server)
            goes_on, cancelled = [seen.submit(kind) for kind in ("done-3", "runs")]
            for job in (goes_on, cancelled):
                seen.waiting(job)
            prongd.restart(others)
            job = seen.waiting(goes_on)
            yield ("a waiting job whose target is gone waits on, blocked", "not in the settings"
                   in job.get("blocked", ""), job)
            health = prongd.ask("GET", "/readyz").json()
            yield ("and health says so", any(
                "2 of its jobs wait" in check.get("message", "") for check in health["checks"]),
                   health)
            answer = prongd.ask("DELETE", f"/v1/jobs/{cancelled}")
            yield ("its fellow is cancelled all the same", answer.status == 200
                   and answer.json()["state"] == "cancelled" and not server.cancels, answer)
            prongd.restart(both)
            job = seen.end(goes_on)
            yield ("it goes on when its target is back", job["state"] == "succeeded"
                   and "blocked" not in job and len(server.begun) == 2
                   and len(server.polls_of(job["operationName"])) == 3, job)
            until("the fellow's operation is told", lambda: server.cancels)
            name = seen.end(cancelled)["operationName"]
            yield ("and the cancelled one's operation is told then", [
                cancel.name for cancel in server.cancels] == [name], server.cancels)


def main():
    given = arguments()
    programs = os.path.abspath(given.programs)
    claims = Claims()

    def take(found):
        for claim in found:
            claims.check(*claim)

    with tempfile.TemporaryDirectory(prefix="prong-operations-") as sets:
        make_sets(sets)
        if not given.only:
            claims.section("what a user sees", lambda: take(ordinary(programs, sets)))
            claims.section("a target that is gone", lambda: take(
                kills.attempt("the target goes", lambda: gone(programs, sets))))
            claims.section("targets that are sick", lambda: [
                take(kills.attempt(name, group)) for name, group in sick.all_of(programs, sets)])
        claims.section("kills", lambda: take(kills.all_of(programs, sets, given.only)))
    return claims.close()


if __name__ == "__main__":
    sys.exit(main())
