"""kill -9 at every step of a job that follows a long-running operation, each in its own prongd.

A step is a place in the job's life at which the test stands still: before the call, with the call
or a poll in the server, between polls. What dies is chosen by process id, or, inside prongd's own
steps, by the fault points of the debug build (PRONG_FAULTS), which the server arms while it holds
the call, so that the next process to come by dies just there.
"""

import contextlib
import dataclasses
import os
import signal
import threading
import time
from concurrent import futures

from clusters import GKE, Clusters
from support import Prongd, Scratch, until
from targets import set_table

PARENT = "projects/p-1/locations/europe-west1"
CREATE = f"{GKE}/CreateCluster"
ENDED = ("succeeded", "failed", "cancelled", "expired", "unknown")
# At once: each is a prongd of four processes, and mostly waits for its next poll.
AT_ONCE = 8
HOLD_SECONDS = 60


def create(kind):
    return {"method": CREATE, "waitOperation": True,
            "request": {"parent": PARENT, "cluster": {"name": kind}}}


def shown(prongd, job, *states):
    """The job, if it is in one of the states."""
    answer = prongd.ask("GET", f"/v1/jobs/{job}").json()
    return answer if answer["state"] in states else None


def end(prongd, job):
    """The job as it ended. A prongd that is just being killed is asked again."""
    def ended():
        answer = prongd.ask("GET", f"/v1/jobs/{job}?wait=10s").json()
        return answer if answer["state"] in ENDED else None
    return until(f"{job} ends", ended, seconds=45)


class Scene:
    """A server and a prongd whose processes can be killed."""

    def __init__(self, programs, sets):
        self.stack = contextlib.ExitStack()
        self.programs = programs
        self.sets = sets

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.server = stack.enter_context(Clusters())
            self.faults = stack.enter_context(Scratch())
            table = set_table("gke", self.server.address, f"{self.sets}/container", GKE,
                              "cancel_operation = true")
            self.prongd = stack.enter_context(Prongd(
                self.programs, table, environment={"PRONG_FAULTS": self.faults.path}))
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def submit(self, kind, **more):
        """With a key, and again until it is accepted, as a client does it that cannot lose it."""
        def accepted():
            answer = self.prongd.ask(
                "POST", "/v1/jobs", dict(create(kind), key="the only one", **more))
            return answer.json()["id"] if answer.status in (200, 202) else None
        return until("the job is accepted", accepted)

    def kill(self, who):
        status = self.prongd.ask("GET", "/v1/status").json()
        supervisor, queue = status["supervisor"]["pid"], status["queue"]["pid"]
        workers = [worker["pid"] for worker in status["workers"]]
        for process in {"workers": workers, "queue": [queue], "children": [queue, *workers],
                        "whole": [supervisor, queue, *workers]}[who]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        if who == "whole":
            self.start_again()

    def start_again(self):
        self.prongd.running.stop(signal.SIGKILL)
        self.prongd.running.start()

    def arm(self, points):
        for point in points:
            self.faults.write(point, "")

    def all_died(self, points):
        return not any(os.path.exists(self.faults.file(point)) for point in points)


class Hold:
    """A place in the server where a call stands still until the test lets it go on."""

    def __init__(self):
        self.came = threading.Event()
        self.free = threading.Event()

    def __call__(self):
        self.came.set()
        self.free.wait(HOLD_SECONDS)

    def wait(self):
        if not self.came.wait(HOLD_SECONDS):
            raise RuntimeError("no call came to the server")


@dataclasses.dataclass
class Kill:
    """`who` dies at `step`, or whoever comes to the fault `points` armed there."""

    step: str
    who: str = ""
    points: tuple = ()
    expected: tuple = ("succeeded",)
    # How many calls reach the server where the job is unknown.
    unknown_calls: tuple = (1,)

    @property
    def name(self):
        return f"{self.step}: {' and '.join([*self.points, *filter(None, [self.who])])}"

    def run(self, programs, sets):
        with Scene(programs, sets) as scene:
            job = getattr(self, self.step.replace(" ", "_"))(scene)
            ended = end(scene.prongd, job)
            calls, polls = len(scene.server.begun), len(scene.server.polls)
            yield (f"{self.name}: {' or '.join(self.expected)}",
                   ended["state"] in self.expected and (
                       ended["state"] != "succeeded"
                       or ended.get("response", {}).get("status") == "DONE"),
                   (ended, scene.prongd.running.text()[-1500:]))
            allowed = (1,) if ended["state"] == "succeeded" else self.unknown_calls
            yield (f"{self.name}: the call reached the server once", calls in allowed,
                   f"{calls} calls, {polls} polls")
            if ended["state"] == "cancelled":
                yield from self.told(scene, ended)
            if self.points:
                yield (f"{self.name}: they died there", scene.all_died(self.points), self.points)

    def told(self, scene, job):
        """Of a cancelled job: that its operation was cancelled too, which may be twice."""
        def settled():
            seen = shown(scene.prongd, job["id"], "cancelled")
            return seen if seen and "was told to stop" in seen["error"]["message"] else None
        seen = until(f"{job['operationName']} was told", settled)
        names = {cancel.name for cancel in scene.server.cancels}
        yield (f"{self.name}: CancelOperation reached the server",
               names == {job["operationName"]}, scene.server.cancels)
        yield (f"{self.name}: and the job stays as it was cancelled",
               seen["endedAt"] == job["endedAt"] and "notBefore" not in seen, seen)

    # steps

    def strike(self, scene):
        """What is to die dies, or will at the armed points."""
        scene.arm(self.points)
        if self.who and not self.points:
            scene.kill(self.who)

    def finish(self, scene):
        """The points are passed: with them the rest dies, where the kill is for the whole."""
        if self.points:
            until("the armed points are passed", lambda: scene.all_died(self.points))
        if self.points and self.who == "whole":
            scene.start_again()

    def before_the_mark(self, scene):
        job = scene.submit("done-1", delay="1s")
        self.strike(scene)
        self.finish(scene)
        return job

    def before_it_is_accepted(self, scene):
        self.strike(scene)
        return scene.submit("done-1")

    def with_the_call_in_the_server(self, scene):
        scene.server.on_begin = hold = Hold()
        return self.held(scene, hold)

    def waiting(self, scene):
        job = scene.submit("done-2")
        until("it waits", lambda: shown(scene.prongd, job, "waiting"))
        self.strike(scene)
        return job

    def with_a_poll_in_the_server(self, scene):
        scene.server.on_poll = hold = Hold()
        return self.held(scene, hold)

    def held(self, scene, hold):
        """It strikes while `hold` keeps what came to the server."""
        job = scene.submit("done-1")
        hold.wait()
        self.strike(scene)
        hold.free.set()
        self.finish(scene)
        return job

    def with_a_cancel_under_way(self, scene):
        job = scene.submit("runs")
        until("it waits", lambda: shown(scene.prongd, job, "waiting"))
        scene.arm(self.points)

        self.cancel(scene, job)
        self.finish(scene)
        return job

    def with_the_operations_cancel_in_the_server(self, scene):
        scene.server.on_cancel = hold = Hold()
        job = scene.submit("runs")
        until("it waits", lambda: shown(scene.prongd, job, "waiting"))
        self.cancel(scene, job)
        hold.wait()
        self.strike(scene)
        hold.free.set()
        self.finish(scene)
        return job

    def cancel(self, scene, job):
        """Until it is answered as cancelled, as whoever has to know does it."""
        def cancelled():
            scene.prongd.ask("DELETE", f"/v1/jobs/{job}")
            return shown(scene.prongd, job, "cancelled")
        until("it is cancelled", cancelled)


WHO = ("workers", "queue", "children", "whole")
CALL = "with the call in the server"
POLL = "with a poll in the server"
MARK = "before the mark"
TOLD = "with the operations cancel in the server"
LOST = ("unknown",)
CANCELLED = ("cancelled",)
EITHER = ("succeeded", "unknown")

KILLS = [
    *(Kill("before it is accepted", points=(point,))
      for point in ("queue-before-commit", "queue-after-commit")),
    *(Kill(MARK, who) for who in WHO),
    Kill(MARK, points=("queue-before-commit",)),
    # between the mark on disk and the call: not made for sure only if the worker lives to say so
    *(Kill(MARK, points=(point,), expected=EITHER, unknown_calls=(0, 1))
      for point in ("queue-after-commit", "queue-before-send", "worker-after-take")),
    Kill(MARK, points=("worker-after-start",), expected=LOST, unknown_calls=(0, 1)),
    # the name is in the server, in a worker, in the queue, on disk
    Kill(CALL, "workers", expected=LOST),
    Kill(CALL, "queue"),
    Kill(CALL, "children", expected=LOST),
    Kill(CALL, "whole", expected=LOST),
    Kill(CALL, points=("worker-before-outcome",), expected=LOST),
    Kill(CALL, points=("worker-after-outcome",)),
    Kill(CALL, points=("queue-before-commit",)),
    Kill(CALL, points=("queue-after-commit",)),
    Kill(CALL, points=("queue-before-acknowledge",)),
    # both sides of the window: whoever had the name is dead before, and after, it is on disk
    *(Kill(CALL, who, points=("worker-after-outcome", point), expected=expected)
      for who in ("", "whole")
      for point, expected in (("queue-before-commit", LOST), ("queue-after-commit", ("succeeded",)))
      ),
    *(Kill("waiting", who) for who in WHO),
    *(Kill(POLL, who) for who in WHO),
    *(Kill(POLL, points=(point,))
      for point in ("worker-before-outcome", "worker-after-outcome", "queue-before-commit",
                    "queue-after-commit")),
    # the wish is in the queue, on disk, on its way to a worker, in it, and with the server
    *(Kill("with a cancel under way", who, points=(point,), expected=CANCELLED)
      for who in ("", "whole")
      for point in ("queue-before-commit", "queue-after-commit", "queue-before-send",
                    "queue-after-send", "worker-after-take", "worker-after-start",
                    "worker-before-outcome", "worker-after-outcome")),
    *(Kill(TOLD, who, expected=CANCELLED) for who in WHO),
    *(Kill(TOLD, points=(point,), expected=CANCELLED)
      for point in ("worker-before-outcome", "worker-after-outcome", "queue-before-commit",
                    "queue-after-commit")),
]


def all_of(programs, sets, only=""):
    with futures.ThreadPoolExecutor(AT_ONCE) as threads:
        for group in [
                threads.submit(attempt, kill.name, lambda kill=kill: kill.run(programs, sets))
                for kill in KILLS if only in kill.name]:
            yield from group.result()


def attempt(name, group):
    """A group's claims; where it breaks that is one failed claim, not the end of the others."""
    claims = []
    started = time.monotonic()
    try:
        claims.extend(group())
    except Exception as error:  # pylint: disable=broad-except
        taken = time.monotonic() - started
        claims.append((f"{name} ran to its end", False, f"{error!r} after {taken:.0f} s"))
    return claims
