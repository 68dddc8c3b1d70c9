"""Targets that are down, paused or silent while jobs wait for their operations: nobody else's jobs
wait for them, and an operation's time ends all the same.
"""

import json
import subprocess
import threading
import time

from clusters import GKE, Clusters
import kills
from support import Prongd, Scratch, until
from targets import set_table

# More than are polled at once, of one target and of all.
WAITING = 300
POLLS_PER_TARGET = 32
# A worker's, as the settings come.
PLACES = 64
TIMEOUT = 'operation_timeout = "3s"'


def all_of(programs, sets):
    """(name, claims) for `kills.attempt`."""
    for claims in (down, hanging, paused):
        yield f"a target that is {claims.__name__}", lambda claims=claims: claims(programs, sets)


def both(sick, well, sets):
    return (set_table("sick", sick.address, f"{sets}/container", GKE)
            + set_table("well", well.address, f"{sets}/container", GKE)
            + set_table("short", sick.address, f"{sets}/container", GKE, TIMEOUT))


def submit(prongd, target, kind):
    body = dict(kills.create(kind), target=target)
    return prongd.ask("POST", "/v1/jobs", body).json()["id"]


def submit_many(prongd, count):
    line = json.dumps(dict(kills.create("runs"), target="sick"))
    with Scratch() as scratch:
        lines = scratch.write("lines", "\n".join([line] * count))
        subprocess.run(
            ["curl", "-sS", "--unix-socket", prongd.socket, "-H",
             "Content-Type: application/x-ndjson", "--data-binary", f"@{lines}", "-o",
             "/dev/null", "http://prong/v1/jobs"], check=True, timeout=60)
    until(f"{count} jobs wait", lambda: waiting(prongd) >= count, seconds=60)


def waiting(prongd):
    return prongd.ask("GET", "/v1/status").json()["queue"]["depth"].get("waiting", 0)


def polls_share(prongd):
    """Of half of the workers' places, for one of three targets; QueueLogic+Agenda.swift says it."""
    workers = len(prongd.ask("GET", "/v1/status").json()["workers"])
    return min(POLLS_PER_TARGET, workers * PLACES // 2 // 3)


def well_claims(prongd, what):
    start = time.monotonic()
    job = kills.end(prongd, submit(prongd, "well", "done-1"))
    seconds = time.monotonic() - start
    # a poll's time is 60 s: whoever waits for one of the sick target's waits about so long
    yield (f"with {WAITING} operations of a target that {what}, another's job goes on at once",
           job["state"] == "succeeded" and seconds < 15, (seconds, job))


def time_claims(prongd, job, what):
    job = kills.end(prongd, job)
    yield (f"operation_timeout ends the job while its target {what}", job["state"] == "failed"
           and job["error"]["code"] == "deadline_exceeded"
           and "operation_timeout" in job["error"]["message"], job)


def down(programs, sets):
    with Clusters() as sick, Clusters() as well, \
            Prongd(programs, both(sick, well, sets)) as prongd:
        submit_many(prongd, WAITING)
        one, short = submit(prongd, "sick", "runs"), submit(prongd, "short", "runs")
        for job in (one, short):
            until("it waits", lambda job=job: kills.shown(prongd, job, "waiting"))
        sick.server.stop(None).wait()
        until("the target is down", lambda: "is down" in kills.shown(
            prongd, one, "waiting")["blocked"])
        yield from well_claims(prongd, "is down")
        yield from time_claims(prongd, short, "is down")
        yield ("and the others still wait", waiting(prongd) == WAITING + 1, waiting(prongd))


def hanging(programs, sets):
    with Clusters() as sick, Clusters() as well, \
            Prongd(programs, both(sick, well, sets)) as prongd:
        held = threading.Event()
        submit_many(prongd, WAITING)
        sick.on_poll = lambda: held.wait(kills.HOLD_SECONDS)
        try:
            answered = len(sick.polls)
            share = polls_share(prongd)
            until("its server is full of polls", lambda: len(sick.polls) >= answered + share)
            yield from well_claims(prongd, "never answers a poll")
        finally:
            held.set()


def paused(programs, sets):
    with Clusters() as sick, Clusters() as well, \
            Prongd(programs, both(sick, well, sets)) as prongd:
        short = submit(prongd, "short", "runs")
        goes_on = submit(prongd, "sick", "done-3")
        for job in (short, goes_on):
            until("it waits", lambda job=job: kills.shown(prongd, job, "waiting"))
        for target in ("short", "sick"):
            prongd.ask("POST", f"/v1/targets/{target}/pause")
        yield from time_claims(prongd, short, "is paused")
        prongd.ask("POST", "/v1/targets/sick/resume")
        job = kills.end(prongd, goes_on)
        yield ("a job of a target that is resumed is followed on", job["state"] == "succeeded",
               job)
