"""A small, quick worker that dies whenever it is told to. Speaks workers/PROTOCOL.md; for tests."""

import json
import os
import signal
import socket
import struct
import time

HELD = []
# Two types of worker offer no callable of the same name.
PREFIX = os.environ.get("MORTAL_PREFIX", "mortal")
# A longer frame kills it while it is being written.
LONGEST = int(os.environ.get("MORTAL_LONGEST_FRAME", 1 << 30))


def read(stream, length):
    data = stream.read(length)
    if len(data) < length:
        os._exit(0)
    return data


def frame(**members):
    body = json.dumps(members).encode()
    return struct.pack(">I", len(body)) + body


def end(how):
    """how: an exit code, or the name of a signal."""
    if isinstance(how, int):
        os._exit(how)
    os.kill(os.getpid(), getattr(signal, how))
    while True:
        time.sleep(1)


def main():
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.environ["TASKPOOL_SOCKET"])
    stream = connection.makefile("rb")
    names = ["echo", "pid", "sleep", "die", "answer_and_die", "die_within", "grow", "fail", "mark", "answer_twice"]
    connection.sendall(
        frame(
            type="hello",
            protocol=1,
            token=os.environ["TASKPOOL_TOKEN"],
            output="frames",
            callables=[{"name": PREFIX + "." + name} for name in names],
        )
    )
    mark = None
    while True:
        (length,) = struct.unpack(">I", read(stream, 4))
        if length > LONGEST:
            end("SIGKILL")
        message = json.loads(read(stream, length))
        if message["type"] == "stop":
            os._exit(0)
        if message["type"] != "run":
            continue
        task, args, result = message["task"], message["args"], None
        name = message["callable"].partition(".")[2]
        if name == "echo":
            result = args
        elif name == "pid":
            result = os.getpid()
        elif name == "answer_twice":
            result = "the first"
        elif name == "sleep":
            time.sleep(args[0])
        elif name == "die":
            end(args[0])
        elif name == "grow":
            HELD.append(b"x" * args[0])
        elif name == "mark":  # an initializer, and what shows it
            if args:
                mark = args[0]
            result = [mark, os.getpid()]
        elif name == "fail":
            connection.sendall(frame(type="error", task=task, exception="Refused", message=str(args[0])))
            continue
        elif name not in names:
            connection.sendall(frame(type="error", task=task, code="unknown_callable", message="no " + message["callable"]))
            continue
        reply = frame(type="result", task=task, result=result)
        if name == "die_within":  # the first bytes of the reply, and no more
            connection.sendall(reply[: args[0]])
            end(args[1])
        connection.sendall(reply)
        if name == "answer_twice":  # and a third time, with another kind of answer
            connection.sendall(frame(type="result", task=task, result="another"))
            connection.sendall(frame(type="error", task=task, exception="Late", message="too late"))
        if name == "answer_and_die":
            end(args[0])


main()
