"""What the conformance suite has run; workers/PROTOCOL.md describes it. taskpool_worker.py --module conformance"""

import sys
import time

import taskpool_worker


@taskpool_worker.callable(name="conformance.echo")
def echo(*args, **kwargs):
    return {"args": args, "kwargs": kwargs}


@taskpool_worker.callable(name="conformance.fail")
def fail(message):
    try:
        raise ValueError("cause of " + message)
    except ValueError as e:
        raise RuntimeError(message) from e


@taskpool_worker.callable(name="conformance.print")
def print_all(*lines):
    for stream, text in lines:
        print(text, end="", file=sys.stderr if stream == "stderr" else sys.stdout)
    return len(lines)


@taskpool_worker.callable(name="conformance.sleep")
def sleep(seconds):
    task = taskpool_worker.current_task()
    task.progress(0.5, "sleeping")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if task.draining:
            return "drained"
        time.sleep(max(0, min(0.02, end - time.monotonic())))
    return "slept"


@taskpool_worker.callable(name="conformance.big")
def big(n):
    return "x" * n


@taskpool_worker.callable(name="conformance.nan")
def nan():
    return [float("nan")]


@taskpool_worker.callable(name="conformance.goodbye")
def goodbye():
    taskpool_worker.retire()
