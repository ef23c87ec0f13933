#!/usr/bin/env python3
"""The Python worker of Taskpool: one file, standard library only, Python 3.9 or newer.

Started by the service, never by hand (workers/PROTOCOL.md says what they say to each other)::

    workers:
      python:
        command: [python3, "{home}/workers/python/taskpool_worker.py", --module, my_tasks, --allow, math]

``--module my_tasks`` imports a module and offers the functions that it decorates::

    import taskpool_worker

    @taskpool_worker.callable(on_lost="retry")          # my_tasks:thumbnail
    def thumbnail(path, width=200):
        taskpool_worker.current_task().progress(0.5, "half way")
        return {"path": path}

``--allow math`` offers all public functions of a module, ``math:factorial`` among them. ``async def`` functions run to their
end with ``asyncio.run``.

What ``print`` writes is the output of the task, in order. An exception fails the task with its type, message, traceback and
causes; SystemExit too, and the worker lives on. A cancel raises TaskCancelled, a BaseException, in the task; coroutines get
asyncio.CancelledError. Integers of any size are exact; numbers with a fraction become ``float``, or ``decimal.Decimal`` with
``--decimal``.
"""

import argparse
import base64
import builtins
import codecs
import gc
import importlib
import io
import json
import os
import re
import select
import signal
import socket
import struct
import sys
import threading
import traceback
import types

_IS_PROGRAM = __name__ == "__main__"
if _IS_PROGRAM:
    # Modules import it by its name, and are to find this very one; so are those who unpickle its exceptions.
    __name__ = "taskpool_worker"
    sys.modules[__name__] = sys.modules["__main__"]

__all__ = ["Snooze", "TaskCancelled", "TaskError", "callable", "current_task", "retire"]

__version__ = "1.0"

PROTOCOL = 1
MAX_FRAME = 65 << 20
EXIT_CONNECTION_LOST = 74  # EX_IOERR of sysexits.h

_CANCEL_SIGNAL = signal.SIGUSR2
_BUFFER_BYTES = 64 << 10
_MAX_TRACE = 16 << 10
_MAX_CAUSES = 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_TASK_OF_FRAME = re.compile(r'"task"\s*:\s*"([^"\\]*)"')
_LENGTH = struct.Struct(">I")
_PICKLED = "python.pickled"


class TaskCancelled(BaseException):
    """Raised in a task that was asked to stop. No Exception, so that ``except Exception`` does not keep it."""


class TaskError(Exception):
    """Fails a task with data that clients get as it is, in ``error.data``: anything that JSON can say."""

    def __init__(self, message="", data=None):
        super().__init__(message)
        self.data = data


class Snooze(Exception):
    """Raised by a function that wants to be run again later; no attempt is used."""

    def __init__(self, seconds=0):
        super().__init__("asked to be run again in %s s" % seconds)
        self.seconds = seconds


class Task:
    """The task that runs, for its function and all of its threads."""

    __slots__ = ("id", "attempt", "deadline_ms", "cancelled", "draining", "_worker")

    def __init__(self, id, attempt, deadline_ms, draining, worker):
        self.id = id
        self.attempt = attempt
        """From 1."""
        self.deadline_ms = deadline_ms
        """When the task is stopped, in Unix milliseconds; 0 for never."""
        self.cancelled = False
        """Whether it was asked to stop."""
        self.draining = draining
        """Whether the service is about to stop: a good moment to come to an end."""
        self._worker = worker

    @property
    def deadline(self):
        """When the task is stopped, in seconds as of ``time.time()``, or None."""
        return self.deadline_ms / 1000 if self.deadline_ms else None

    def progress(self, fraction, message=""):
        """Says how far the task is: 0 to 1 (what lies beyond counts as the nearer, what is no number as 0), and a message for people."""
        fraction = float(fraction)
        fraction = min(max(fraction, 0.0), 1.0) if fraction == fraction else 0.0
        self._worker.send({"type": "progress", "task": self.id, "fraction": fraction, "message": str(message)})


class _Offer:
    __slots__ = ("call", "name", "description", "schema", "on_lost", "max_attempts", "timeout_ms", "pickled")

    def __init__(self, call, name, schema=None, on_lost=None, max_attempts=1, timeout=None, pickled=False, description=None):
        if not _NAME.fullmatch(name):
            raise ValueError("not a name for a callable: %r" % name)
        if on_lost not in (None, "fail", "retry"):
            raise ValueError("on_lost of %s must be 'fail' or 'retry'" % name)
        self.call = call
        self.name = name
        self.description = _first_line(call) if description is None else description
        self.schema = schema
        self.on_lost = on_lost
        self.max_attempts = max_attempts
        self.timeout_ms = None if timeout is None else max(1, int(timeout * 1000))
        self.pickled = pickled

    def announced(self, on_lost):
        said = {"name": self.name, "description": self.description, "on_lost": self.on_lost or on_lost}
        if self.schema is not None:
            said["schema"] = self.schema
        if self.max_attempts != 1:
            said["max_attempts"] = self.max_attempts
        if self.timeout_ms is not None:
            said["timeout_ms"] = self.timeout_ms
        return said


_offers = {}
_current = None  # the Task that runs, or None


def _first_line(call):
    return (getattr(call, "__doc__", None) or "").strip().split("\n", 1)[0][:200]


def _add(offer):
    if offer.name in _offers:
        raise ValueError("two callables have the name %s" % offer.name)
    _offers[offer.name] = offer


def callable(
    function=None, *, name=None, schema=None, on_lost=None, max_attempts=1, timeout=None, pickled=False, description=None
):
    """Offers the decorated function to clients.

    name: ``module:function`` if not given
    schema: JSON Schema of ``{"args": [...], "kwargs": {...}}``, enforced before a task is accepted
    on_lost: ``"retry"`` where it may run twice, ``"fail"`` where not (the default, unless --on-lost says otherwise)
    max_attempts: runs allowed in all where the submission does not say
    timeout: seconds that it may run where the submission does not say
    pickled: it takes one string, base64 of a pickled ``(args, kwargs)``, and returns such a string; needs --allow-pickle
    description: one sentence for people; the first line of the docstring if not given
    """

    def offer(call):
        known_as = name or "%s:%s" % (call.__module__, call.__qualname__)
        _add(_Offer(call, known_as, schema, on_lost, max_attempts, timeout, pickled, description))
        return call

    return offer if function is None else offer(function)


def current_task():
    """Returns the Task that runs. RuntimeError where none does."""
    if _current is None:
        raise RuntimeError("no task is running")
    return _current


def retire():
    """Has this worker replaced by a fresh one when the task that runs is done: because it has grown too large, for example."""
    current_task()._worker.retire()


# --- values ---


def _encoder(ascii_only):
    return json.JSONEncoder(ensure_ascii=ascii_only, allow_nan=False, separators=(",", ":"), default=_decimal).encode


# The encoder has no way to write digits that it did not make: decimals travel through it as marked strings.
_MARK = "decimal-%s:" % os.urandom(8).hex()
_MARKED = re.compile('"%s([^"]*)"' % _MARK)
_marks = 0


def _decimal(value):
    global _marks
    decimal = sys.modules.get("decimal")
    if decimal is not None and isinstance(value, decimal.Decimal) and value.is_finite():
        _marks += 1
        return _MARK + str(value)
    raise TypeError("%s cannot be written as JSON" % type(value).__name__)


_plain = _encoder(False)
_ascii = _encoder(True)


def _written(value):
    """Returns a value as JSON in UTF-8. Half a surrogate pair has no UTF-8: then all is escaped."""
    global _marks
    _marks = 0
    text = _plain(value)
    if _marks:
        text = _MARKED.sub(r"\1", text)
    try:
        return text.encode()
    except UnicodeEncodeError:
        text = _ascii(value)
        return (_MARKED.sub(r"\1", text) if _marks else text).encode()


# --- output ---


class _Frames(io.RawIOBase):
    """The raw end of sys.stdout or sys.stderr: what is printed while a task runs is its output, the rest the service's log."""

    def __init__(self, worker, stream, fd):
        super().__init__()
        self._worker = worker
        self._stream = stream
        self._fd = fd
        self.dirty = False
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def writable(self):
        return True

    def fileno(self):
        return self._fd  # for children, whose output comes through the pipes

    def write(self, data):
        task = _current
        if task is None or self._worker.forked:
            return os.write(self._fd, data)
        text = self._decode(bytes(data))
        self.dirty = True
        if text:
            self._worker.send({"type": "output", "task": task.id, "stream": self._stream, "text": text})
        return len(data)

    def finish(self):
        """The end of what one task wrote: half a character does not wait for the next."""
        self.dirty = False
        text = self._decode(b"", True)
        if text and _current is not None:
            self._worker.send({"type": "output", "task": _current.id, "stream": self._stream, "text": text})


def _text(raw):
    return io.TextIOWrapper(
        io.BufferedWriter(raw, 8192), encoding="utf-8", errors="backslashreplace", newline="\n", line_buffering=True
    )


# --- the worker ---


class _Worker:
    def __init__(self, connection, options):
        self.connection = connection
        self.options = options
        self._receive = connection.recv_into
        self.forked = False
        parse_float = importlib.import_module("decimal").Decimal if options.decimal else None
        self._decode = json.JSONDecoder(parse_float=parse_float).raw_decode
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._start = 0  # received and not yet read: from here
        self._end = 0  # to here
        self._writing = threading.RLock()
        self._draining = False
        self._children = False
        self._retired = False
        # What the signal's handler may do, which comes between any two steps of the main thread:
        self._listening = False  # read what the service says: a task runs
        self._armed = False  # raise TaskCancelled: its function runs, and nothing is being written
        self._raise = False  # to be raised as soon as nothing is being written
        self._signalled = False  # a signal came when nobody listened
        self._cancel_coroutine = None
        self._raw = (_Frames(self, "stdout", 1), _Frames(self, "stderr", 2))
        self._streams = tuple(_text(raw) for raw in self._raw)
        sys.stdout, sys.stderr = self._streams

    # Writing. The main thread must not be interrupted in the middle of a frame.

    def send(self, message):
        self._put(_plain(message).encode("utf-8", "replace"))

    def _put(self, body):
        frame = _LENGTH.pack(len(body)) + body
        if threading.get_ident() != _main_ident:
            with self._writing:
                self._sendall(frame)
            return
        armed = self._armed
        self._armed = False
        with self._writing:
            self._sendall(frame)
        self._armed = armed
        if armed and self._raise:
            self._interrupt()

    def _sendall(self, frame):
        try:
            self.connection.sendall(frame)
        except OSError:
            os._exit(EXIT_CONNECTION_LOST)  # the service is gone: so are we, at once

    # Reading.

    def _frame(self):
        """Waits for a whole frame and returns its text."""
        if self._start == self._end:
            n = self._receive(self._view)
            if n == 0:
                os._exit(EXIT_CONNECTION_LOST)
            self._end = n
        while True:
            have = self._end - self._start
            if have >= 4:
                length = _LENGTH.unpack_from(self._buffer, self._start)[0]
                if have >= 4 + length:
                    break
                self._make_room(4 + length)
            elif self._start:
                self._make_room(4)
            n = self._receive(self._view[self._end :])
            if n == 0:
                os._exit(EXIT_CONNECTION_LOST)
            self._end += n
        begin = self._start + 4
        text = str(self._view[begin : begin + length], "utf-8")
        self._taken(4 + length)
        return text

    def _taken(self, n):
        self._start += n
        if self._start == self._end:
            self._start = self._end = 0
            if len(self._buffer) > 16 * _BUFFER_BYTES:
                self._replace(_BUFFER_BYTES)

    def _make_room(self, size):
        """Moves what is there to the beginning of a buffer that holds so much."""
        if self._start + size <= len(self._buffer):
            return
        self._replace(max(size, _BUFFER_BYTES))

    def _replace(self, size):
        old, start, end = self._view, self._start, self._end
        self._buffer = bytearray(size)
        self._view = memoryview(self._buffer)
        self._view[: end - start] = old[start:end]
        self._start, self._end = 0, end - start

    def _on_signal(self, number, frame):
        if self._listening:
            self._listen()
        else:
            self._signalled = True

    def _listen(self):
        """Reads what there is for the task that runs, and does not wait. On the main thread, from the signal's handler."""
        while True:
            self._make_room(self._end - self._start + 4096)
            try:
                n = self.connection.recv_into(self._view[self._end :], 0, socket.MSG_DONTWAIT)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                os._exit(EXIT_CONNECTION_LOST)
            if n == 0:
                os._exit(EXIT_CONNECTION_LOST)
            self._end += n
        while self._end - self._start >= 4:
            length = _LENGTH.unpack_from(self._buffer, self._start)[0]
            if self._end - self._start < 4 + length:
                break
            text = str(self._view[self._start + 4 : self._start + 4 + length], "utf-8")
            self._taken(4 + length)
            self._told(self._decode(text)[0])

    def _told(self, message):
        """Something that is said while a task may run."""
        task = _current
        kind = message["type"]
        if kind == "cancel" and task is not None and message["task"] == task.id:
            task.cancelled = True
            cancel = self._cancel_coroutine
            if cancel is not None:
                cancel()
            elif self._armed:
                self._interrupt()
            else:
                self._raise = True
        elif kind == "drain":
            self._draining = True
            if task is not None:
                task.draining = True

    def _interrupt(self):
        self._armed = False  # once: what is raised while the task cleans up would hit the cleaning
        self._raise = False
        raise TaskCancelled("the task was cancelled")

    def retire(self):
        if not self._retired:
            self._retired = True
            self._put(b'{"type":"goodbye"}')

    # Running.

    def serve(self):
        global _current
        decode = self._decode
        while True:
            text = self._frame()
            try:
                message = decode(text)[0]
            except (ValueError, RecursionError) as e:
                self._undecodable(text, e)
                continue
            kind = message["type"]
            if kind == "run":
                _current = Task(message["task"], message["attempt"], message["deadline_ms"], self._draining, self)
                del text
                answer = self._run(message)
                _current = None
                # Nothing of the task is kept while we wait for the next one.
                del message
                self._put(answer)
                del answer
                if self._retired:
                    sys.exit(0)
            elif kind == "stop":
                sys.exit(0)
            else:
                self._told(message)

    def _undecodable(self, text, error):
        # The service writes the id before the arguments.
        found = _TASK_OF_FRAME.search(text)
        if found is None:
            raise error
        self._put(self._failure(found.group(1), "arguments_undecodable", "the arguments cannot be read: %s" % error))

    def _run(self, message):
        """Runs a task and returns the body of its answer."""
        task = message["task"]
        offer = _offers.get(message["callable"])
        if offer is None:
            return self._failure(task, "unknown_callable", "the worker has no callable " + message["callable"])
        args = message["args"]
        kwargs = message["kwargs"]
        call = offer.call
        if offer.pickled:
            try:
                call, args, kwargs = self._unpickled(offer, args, kwargs)
            except BaseException as e:
                return self._failure(task, "arguments_undecodable", "the arguments cannot be unpickled: %r" % e)
        failure = None
        value = None
        try:
            try:
                self._raise = False
                self._listening = True
                if self._signalled:
                    self._signalled = False
                    self._listen()
                self._armed = True
                if self._raise:
                    self._interrupt()
                value = call(*args, **kwargs)
                if type(value) is types.CoroutineType:
                    self._armed = False
                    value = self._awaited(value)
                self._armed = False
            except BaseException as e:
                self._armed = False
                failure = e
        except TaskCancelled as e:  # came between the end of the function and the line that puts the signal off
            failure = e
        self._listening = False
        for stream in self._streams:
            try:
                stream.flush()
            except (ValueError, OSError):
                pass  # the task has closed it
        for raw in self._raw:
            if raw.dirty:
                raw.finish()
        if self._children:
            # Its children have the pipes: the service is to look into them before the task ends.
            self._children = False
            self.send({"type": "settle", "task": task})
        if isinstance(failure, Snooze):
            return _written({"type": "snooze", "task": task, "delay_ms": max(0, int(failure.seconds * 1000))})
        if failure is not None:
            return self._raised(task, failure, offer.pickled)
        return self._returned(task, value, offer)

    def _awaited(self, coroutine):
        import asyncio  # here: most workers do without, and it takes longer to load than all the rest

        return asyncio.run(self._coroutine(coroutine, asyncio))

    async def _coroutine(self, coroutine, asyncio):
        loop = asyncio.get_running_loop()
        mine = asyncio.current_task()
        self._cancel_coroutine = lambda: loop.call_soon_threadsafe(mine.cancel)
        try:
            if self._raise:
                self._raise = False
                mine.cancel()
            return await coroutine
        finally:
            self._cancel_coroutine = None

    def _returned(self, task, value, offer):
        if value is None and not offer.pickled:
            return b'{"type":"result","task":"%b","result":null}' % task.encode()
        try:
            if offer.pickled:
                value = _pickled(value)
            result = _written(value)
        except BaseException as e:
            return self._failure(
                task,
                "invalid_result",
                "what %s returned cannot be written as %s: %s" % (offer.name, "a pickle" if offer.pickled else "JSON", e),
                e,
            )
        body = b'{"type":"result","task":"%b","result":%b}' % (task.encode(), result)
        if len(body) > MAX_FRAME:
            return self._failure(task, "result_too_large", "the result has %d bytes" % len(result))
        return body

    def _raised(self, task, error, pickled):
        data = getattr(error, "data", None) if isinstance(error, TaskError) else None
        if pickled:
            try:
                data = {"pickle": _pickled(error)}
            except BaseException:
                data = None  # such exceptions are: the client has type, message and traceback
        # The first frames are the worker's own.
        trace = error.__traceback__.tb_next if error.__traceback__ is not None else None
        body = self._failure(task, None, _message(error), error, trace, data)
        # Its frames hold the arguments.
        error.__traceback__ = None
        return body

    def _failure(self, task, code, message, error=None, trace=None, data=None):
        said = {"type": "error", "task": task, "message": message}
        if code is not None:
            said["code"] = code
        if error is not None:
            said["exception"] = _type_name(error)
            lines = traceback.format_exception(type(error), error, trace)
            said["traceback"] = _shortened("".join(lines))
            causes = _causes(error)
            if causes:
                said["causes"] = causes
        if data is not None:
            said["data"] = data
        try:
            body = _written(said)
        except (TypeError, ValueError, RecursionError):
            said.pop("data", None)
            body = _written(said)
        if len(body) > MAX_FRAME:
            said.pop("data", None)
            said["message"] = message[:_MAX_TRACE] + "…"
            body = _written(said)
        return body

    # Pickles: whoever can submit can run any code. Off unless the operator says --allow-pickle.

    def _unpickled(self, offer, args, kwargs):
        import pickle

        loaded = pickle.loads(base64.b64decode(args[0], validate=True))
        if offer.name == self.options.allow_pickle:
            call, args, kwargs = loaded
            return call, args, kwargs
        args, kwargs = loaded
        return offer.call, args, kwargs

    # Life.

    def begin(self, token):
        signal.signal(_CANCEL_SIGNAL, self._on_signal)
        os.register_at_fork(after_in_child=self._after_fork)
        sys.addaudithook(self._audit)
        heartbeat_ms = int(self.options.heartbeat * 1000) if self.options.heartbeat else 0
        hello = {
            "type": "hello",
            "protocol": PROTOCOL,
            "token": token,
            "language": "python",
            "version": "%s (Python %s)" % (__version__, sys.version.split()[0]),
            "output": "frames",
            "pid": os.getpid(),
            "cancel_signal": _CANCEL_SIGNAL.name,
            "callables": [offer.announced(self.options.on_lost) for offer in _offers.values()],
        }
        if heartbeat_ms:
            hello["heartbeat_ms"] = heartbeat_ms
        self._put(_written(hello))
        threading.Thread(target=self._watch, args=(heartbeat_ms,), name="taskpool-watch", daemon=True).start()

    def _watch(self, heartbeat_ms):
        """Ends the process when the connection ends, also in the middle of a task, and sends heartbeats. Asleep but for that."""
        poll = select.poll()
        poll.register(self.connection, 0)  # the end is told unasked
        beat = b'{"type":"heartbeat"}'
        while not poll.poll(heartbeat_ms / 2 if heartbeat_ms else None):  # twice as often as announced
            self._put(beat)
        os._exit(EXIT_CONNECTION_LOST)

    def _audit(self, event, args):
        if event in _STARTS:
            self._children = True

    def _after_fork(self):
        # A child that goes on in Python has no part in the conversation: its output goes through the pipes.
        self.forked = True
        signal.signal(_CANCEL_SIGNAL, signal.SIG_DFL)
        self.connection.close()


_STARTS = frozenset(("subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec"))

_main_ident = threading.main_thread().ident


def _pickled(value):
    import pickle

    return base64.b64encode(pickle.dumps(value, protocol=4)).decode("ascii")


def _message(error):
    try:
        return str(error)
    except BaseException:
        return "(its message cannot be told)"


def _type_name(error):
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else "%s.%s" % (kind.__module__, kind.__qualname__)


def _causes(error):
    """The chain that a traceback shows, the nearest first."""
    causes = []
    seen = {id(error)}
    while len(causes) < _MAX_CAUSES:
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if error is None or id(error) in seen:
            break
        seen.add(id(error))
        lines = traceback.format_exception(type(error), error, error.__traceback__, chain=False)
        causes.append(
            {"exception": _type_name(error), "message": _message(error), "traceback": _shortened("".join(lines))}
        )
    return causes


def _shortened(text):
    # The end of a Python traceback says most.
    return text if len(text) <= _MAX_TRACE else "…" + text[-_MAX_TRACE:]


# --- what is offered ---


def _allow(module_name):
    """Offers the public functions of a module: those of __all__, or else those that it defines."""
    module = importlib.import_module(module_name)
    listed = getattr(module, "__all__", None)
    offered = {id(offer.call) for offer in _offers.values()}
    for name in listed if listed is not None else sorted(vars(module)):
        value = getattr(module, name)
        if name.startswith("_") or isinstance(value, type) or not builtins.callable(value):
            continue
        if listed is None and getattr(value, "__module__", module_name) != module_name:
            continue
        if _NAME.fullmatch("%s:%s" % (module_name, name)) and id(value) not in offered:
            _add(_Offer(value, "%s:%s" % (module_name, name)))


def _call_pickled():
    """One base64 string, a pickled (function, args, kwargs): returns what it returns, likewise."""


def _options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--module", action="append", default=[], help="module with decorated functions; may be repeated")
    parser.add_argument("--allow", action="append", default=[], help="module whose public functions are offered as module:function; may be repeated")
    parser.add_argument("--path", action="append", default=[], help="folder to look for modules in, besides the working directory")
    parser.add_argument("--on-lost", choices=("fail", "retry"), default="fail", help="whether functions that do not say may run twice")
    parser.add_argument("--heartbeat", type=float, default=0, metavar="SECONDS", help="say so often that it lives; a call into C that keeps the interpreter for four times as long is taken for a hang; 0 is never")
    parser.add_argument("--decimal", action="store_true", help="read numbers with a fraction as decimal.Decimal, without loss")
    parser.add_argument("--allow-pickle", nargs="?", const=_PICKLED, metavar="NAME", help="offer pickled functions, and one callable of this name (%(const)s) that runs any: whoever may submit then runs any code")
    return parser.parse_args()


def _load(options):
    sys.path[0:0] = options.path + [os.getcwd()]
    for name in options.module:
        importlib.import_module(name)
    for name in options.allow:
        _allow(name)
    if options.allow_pickle:
        _add(_Offer(_call_pickled, options.allow_pickle, pickled=True))
    else:
        for name in [offer.name for offer in _offers.values() if offer.pickled]:
            del _offers[name]
            print("%s is not offered: it is for pickles, and there is no --allow-pickle" % name, file=sys.stderr)


def main():
    path = os.environ.get("TASKPOOL_SOCKET")
    token = os.environ.pop("TASKPOOL_TOKEN", None)
    if path is None or token is None:
        sys.exit("a worker is started by its service, which tells it where to connect")
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)  # integers of any size pass; the size of a frame is the limit
    options = _options()
    connection = socket.socket(socket.AF_UNIX)
    worker = _Worker(connection, options)  # first: whoever takes hold of sys.stdout takes hold of ours
    _load(options)
    connection.connect(path)
    worker.begin(token)
    gc.collect()
    gc.freeze()  # what is loaded stays: the collector need not look at it again
    worker.serve()


if _IS_PROGRAM:
    main()
