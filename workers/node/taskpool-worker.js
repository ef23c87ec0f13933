#!/usr/bin/env node
'use strict';

/**
 * The Node worker of Taskpool: one file, no dependencies, Node 18 or newer.
 *
 * Started by the service, never by hand (workers/PROTOCOL.md says what they say to each other):
 *
 *     workers:
 *       node:
 *         command: [node, "{home}/workers/node/taskpool-worker.js", --module, ./tasks.js]
 *
 * The functions that tasks.js exports are offered as tasks:name; CommonJS and ES modules, sync and async functions. They are called
 * with the positional arguments; where there are keyword arguments, with one object of them behind. `taskpool.current()`, and
 * `this` in a function that is no arrow, is the task: { id, attempt, kwargs, deadline, signal, draining, progress(fraction, message), snooze(delay), retire() }.
 *
 *     exports.thumbnail = async (path) => { await draw(path, { signal: taskpool.current().signal }); return { path }; };
 *     exports.resize = taskpool.callable({ onLost: 'retry', timeoutMs: 5000 }, (path) => ...);   // name, schema, maxAttempts, description
 *
 * What console.log writes is the output of the task. An error fails the task with its class, message, stack and causes, and with
 * `error.data`. A cancel aborts `signal`; a function that is not async hears of nothing while it runs, and is killed after the
 * grace. Integers beyond 2^53 are BigInt, and BigInt results are integers; 1.0 and 1 are one number, as the language has it.
 */

const net = require('node:net');
const path = require('node:path');
const childProcess = require('node:child_process');
const { StringDecoder } = require('node:string_decoder');
const { pathToFileURL } = require('node:url');
const { syncBuiltinESMExports } = require('node:module');

const PROTOCOL = 1;
const VERSION = '1.0';
const MAX_FRAME = 65 * 1024 * 1024;
const EXIT_CONNECTION_LOST = 74; // EX_IOERR of sysexits.h
const MAX_TRACE = 16 * 1024;
const MAX_CAUSES = 20;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
const OPTIONS = Symbol('taskpool');

const offers = new Map();
let current = null; // the task that runs
let socket = null;
let draining = false;
let retired = false;
let children = false;

// --- what modules see ---

globalThis.taskpool = {
    /** Returns the task that runs; throws where none does. */
    current() {
        if (current === null) throw new Error('no task is running');
        return current;
    },
    /** Says more of an exported function: name, description, schema, onLost ('fail' or 'retry'), maxAttempts, timeoutMs. */
    callable(options, call) {
        call[OPTIONS] = options;
        return call;
    },
};

class Snooze extends Error {
    constructor(delay) {
        super(`asked to be run again in ${delay} ms`);
        this.delay = delay;
    }
}

class Task {
    #abort = new AbortController();

    constructor(message) {
        this.id = message.task;
        this.attempt = message.attempt;
        /** Keyword arguments by name; empty where there are none. */
        this.kwargs = message.kwargs;
        /** When it is stopped, a Date, or null. */
        this.deadline = message.deadline_ms ? new Date(Number(message.deadline_ms)) : null;
        /** Whether the service is about to stop: a good moment to come to an end. */
        this.draining = draining;
    }

    /** Aborted when the task is cancelled. */
    get signal() {
        return this.#abort.signal;
    }

    /** Ends the run; the task is run again after so many milliseconds, and no attempt is used. */
    snooze(delay = 0) {
        throw new Snooze(Number(delay));
    }

    /** How far it is: 0 to 1 (what lies beyond counts as the nearer, what is no number as 0), and a message for people. */
    progress(fraction, message = '') {
        const number = Number(fraction);
        const known = Number.isNaN(number) ? 0 : Math.min(Math.max(number, 0), 1);
        send({ type: 'progress', task: this.id, fraction: known, message: String(message) });
    }

    /** Has this worker replaced by a fresh one when the task is done. */
    retire() {
        if (!retired) {
            retired = true;
            send({ type: 'goodbye' });
        }
    }

    static abort(task) {
        task.#abort.abort();
    }
}

// --- values ---

const MARK = `big-${require('node:crypto').randomBytes(8).toString('hex')}:`;
const MARKED = new RegExp(`"${MARK}(-?[0-9]+)"`, 'g');

/** Parses JSON; integers that a number cannot hold become BigInt. JSON.parse has rounded them when it tells of them (before Node 21). */
function parse(text) {
    return /[0-9]{16}/.test(text) ? JSON.parse(marked(text), unmarked) : JSON.parse(text);
}

function unmarked(key, value) {
    return typeof value === 'string' && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value;
}

/** Returns the text with each large integer as a marked string. */
function marked(text) {
    const parts = [];
    let done = 0;
    let i = 0;
    while (i < text.length) {
        const c = text.charCodeAt(i);
        if (c === 0x22) {
            i = endOfString(text, i);
        } else if (c === 0x2d || (c >= 0x30 && c <= 0x39)) {
            const end = endOfNumber(text, i);
            const number = text.slice(i, end);
            if (/^-?[0-9]{16,}$/.test(number) && !Number.isSafeInteger(Number(number))) {
                parts.push(text.slice(done, i), '"', MARK, number, '"');
                done = end;
            }
            i = end;
        } else {
            i++;
        }
    }
    return parts.length === 0 ? text : parts.join('') + text.slice(done);
}

function endOfString(text, start) {
    for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
        let backslashes = 0;
        while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++;
        if (backslashes % 2 === 0) return end + 1;
    }
    return text.length;
}

function endOfNumber(text, start) {
    let i = start + 1;
    for (; i < text.length; i++) {
        const c = text.charCodeAt(i);
        const part = (c >= 0x30 && c <= 0x39) || c === 0x2e || c === 0x65 || c === 0x45 || c === 0x2b || c === 0x2d;
        if (!part) break;
    }
    return i;
}

/** Returns a value as JSON text; throws where it is none. JSON.stringify would write NaN as null. */
function written(value) {
    if (value === undefined || value === null) return 'null';
    let big = false;
    const text = JSON.stringify(value, (key, each) => {
        switch (typeof each) {
            case 'bigint':
                big = true;
                return MARK + each;
            case 'number':
                if (!Number.isFinite(each)) throw new TypeError(`${each} is not JSON`);
                return each;
            default:
                return each;
        }
    });
    if (text === undefined) throw new TypeError(`a ${typeof value} is not JSON`);
    return big ? text.replace(MARKED, '$1') : text;
}

// --- writing ---

function send(message) {
    put(JSON.stringify(message));
}

function put(text) {
    const length = Buffer.byteLength(text);
    const frame = Buffer.allocUnsafe(4 + length);
    frame.writeUInt32BE(length, 0);
    frame.write(text, 4);
    socket.write(frame);
}

/** What is printed while a task runs is its output; the rest is the service's log. */
function redirect(stream, name) {
    const plain = stream.write.bind(stream);
    const decoder = new StringDecoder('utf8');
    stream.write = (chunk, encoding, callback) => {
        const done = typeof encoding === 'function' ? encoding : callback;
        if (current === null) return plain(chunk, encoding, callback);
        const bytes = typeof chunk === 'string' && typeof encoding === 'string' && encoding !== 'utf8' && encoding !== 'utf-8';
        const text = typeof chunk === 'string' && !bytes ? chunk : decoder.write(bytes ? Buffer.from(chunk, encoding) : Buffer.from(chunk));
        if (text !== '') send({ type: 'output', task: current.id, stream: name, text });
        if (done) process.nextTick(done);
        return true;
    };
    return () => {
        const text = decoder.end();
        if (text !== '' && current !== null) send({ type: 'output', task: current.id, stream: name, text });
    };
}

/** A child may write into the pipes: the service is to look there before the task ends. */
function watchChildren() {
    const spawn = childProcess.ChildProcess.prototype.spawn;
    childProcess.ChildProcess.prototype.spawn = function (...args) {
        children = true;
        return spawn.apply(this, args);
    };
    for (const name of ['spawnSync', 'execSync', 'execFileSync']) {
        const plain = childProcess[name];
        childProcess[name] = (...args) => {
            children = true;
            return plain(...args);
        };
    }
    syncBuiltinESMExports();
}

// --- reading ---

/** Takes frames out of what is received, however it is cut. */
function reader(heard) {
    let chunks = [];
    let have = 0;
    let wanted = 4;
    return (chunk) => {
        chunks.push(chunk);
        have += chunk.length;
        if (have < wanted) return; // a large frame is put together once
        let all = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, have);
        let at = 0;
        wanted = 4;
        while (all.length - at >= 4) {
            const length = all.readUInt32BE(at);
            if (all.length - at < 4 + length) {
                wanted = 4 + length;
                break;
            }
            const text = all.toString('utf8', at + 4, at + 4 + length);
            at += 4 + length;
            heard(text);
        }
        all = all.subarray(at);
        chunks = all.length === 0 ? [] : [all];
        have = all.length;
    };
}

function heard(text) {
    let message;
    try {
        message = parse(text);
    } catch (error) {
        // The service writes the id before the arguments.
        const found = /"task"\s*:\s*"([^"\\]*)"/.exec(text);
        if (found === null) throw error;
        send({ type: 'error', task: found[1], code: 'arguments_undecodable', message: `the arguments cannot be read: ${error.message}` });
        return;
    }
    switch (message.type) {
        case 'run':
            run(message);
            break;
        case 'cancel':
            if (current !== null && current.id === message.task) Task.abort(current);
            break;
        case 'drain':
            draining = true;
            if (current !== null) current.draining = true;
            break;
        case 'stop':
            process.exit(0);
            break;
        default: // a later version's
    }
}

// --- running ---

let finish = [];

function run(message) {
    const call = offers.get(message.callable);
    if (call === undefined) {
        send({ type: 'error', task: message.task, code: 'unknown_callable', message: `the worker has no callable ${message.callable}` });
        return;
    }
    const task = new Task(message);
    current = task;
    let value;
    try {
        const kwargs = message.kwargs;
        const args = Object.keys(kwargs).length === 0 ? message.args : [...message.args, kwargs];
        value = call.apply(task, args);
    } catch (error) {
        end(() => failure(task, error));
        return;
    }
    if (value !== null && typeof value === 'object' && typeof value.then === 'function') {
        value.then(
            (result) => end(() => success(task, result)),
            (error) => end(() => failure(task, error)),
        );
    } else {
        end(() => success(task, value));
    }
}

function end(answer) {
    finish.forEach((each) => each());
    if (children) {
        children = false;
        send({ type: 'settle', task: current.id });
    }
    const text = answer();
    current = null;
    put(text);
    if (retired) socket.end(() => process.exit(0));
}

function success(task, value) {
    let result;
    try {
        result = written(value);
    } catch (error) {
        return JSON.stringify({ type: 'error', task: task.id, code: 'invalid_result', message: `the result cannot be written as JSON: ${error.message}` });
    }
    const text = `{"type":"result","task":"${task.id}","result":${result}}`;
    if (text.length > MAX_FRAME || (text.length > MAX_FRAME / 3 && Buffer.byteLength(text) > MAX_FRAME)) {
        return JSON.stringify({ type: 'error', task: task.id, code: 'result_too_large', message: 'the result is larger than a frame' });
    }
    return text;
}

function failure(task, error) {
    if (error instanceof Snooze) return JSON.stringify({ type: 'snooze', task: task.id, delay_ms: Math.max(0, Math.trunc(error.delay)) });
    const said = { type: 'error', task: task.id, message: message(error), exception: typeName(error), traceback: trace(error) };
    const causes = causesOf(error);
    if (causes.length > 0) said.causes = causes;
    const text = JSON.stringify(said);
    if (error instanceof Error && error.data !== undefined) {
        try {
            return `${text.slice(0, -1)},"data":${written(error.data)}}`;
        } catch {
            // It is no JSON, and only data; the error is what counts.
        }
    }
    return text;
}

function causesOf(error) {
    const causes = [];
    const seen = new Set([error]);
    for (let e = error; e instanceof Error && e.cause !== undefined && !seen.has(e.cause) && causes.length < MAX_CAUSES; ) {
        e = e.cause;
        seen.add(e);
        causes.push({ exception: typeName(e), message: message(e), traceback: trace(e) });
    }
    return causes;
}

function typeName(error) {
    return error instanceof Error ? error.name || error.constructor.name : typeof error;
}

function message(error) {
    try {
        return error instanceof Error ? String(error.message) : String(error);
    } catch {
        return '(its message cannot be told)';
    }
}

function trace(error) {
    const stack = error instanceof Error && typeof error.stack === 'string' ? error.stack : '';
    return stack.length <= MAX_TRACE ? stack : `${stack.slice(0, MAX_TRACE)}…`;
}

// --- the start ---

function options(argv) {
    const found = { modules: [], heartbeatMs: 0, onLost: 'fail' };
    for (let i = 0; i < argv.length; i += 2) {
        const value = argv[i + 1];
        if (value === undefined) throw new Error(`${argv[i]} needs a value`);
        switch (argv[i]) {
            case '--module':
                found.modules.push(value);
                break;
            case '--heartbeat':
                // In seconds. A function that keeps the event loop for four times as long is taken for a hang.
                found.heartbeatMs = Math.round(Number(value) * 1000);
                break;
            case '--on-lost':
                found.onLost = value;
                break;
            default:
                throw new Error(`${argv[i]} is not known; there are --module FILE, --heartbeat SECONDS, --on-lost fail|retry`);
        }
    }
    return found;
}

async function load(file, onLost, announced) {
    const exported = await import(pathToFileURL(path.resolve(file)).href);
    // Of a CommonJS module, what it exports is also the default.
    const all = { ...exported, ...(exported.default && typeof exported.default === 'object' ? exported.default : {}) };
    for (const [key, call] of Object.entries(all)) {
        if (typeof call !== 'function' || key === 'default' || key === 'module.exports') continue;
        const said = call[OPTIONS] ?? {};
        const name = said.name ?? `${path.basename(file).replace(/\.[cm]?js$/, '')}:${key}`;
        if (!NAME.test(name)) throw new Error(`not a name for a callable: ${name}`);
        if (offers.has(name)) throw new Error(`two callables have the name ${name}`);
        offers.set(name, call);
        announced.push({
            name,
            description: said.description ?? '',
            schema: said.schema,
            on_lost: said.onLost ?? onLost,
            max_attempts: said.maxAttempts,
            timeout_ms: said.timeoutMs,
        });
    }
}

async function main() {
    const { TASKPOOL_SOCKET: address, TASKPOOL_TOKEN: token } = process.env;
    if (!address || !token) throw new Error('a worker is started by its service, which tells it where to connect');
    delete process.env.TASKPOOL_TOKEN;
    const chosen = options(process.argv.slice(2));
    finish = [redirect(process.stdout, 'stdout'), redirect(process.stderr, 'stderr')];
    watchChildren();
    const announced = [];
    for (const file of chosen.modules) await load(file, chosen.onLost, announced);
    children = false;
    socket = net.connect(address);
    socket.setNoDelay?.(true);
    // The service is gone: so are we, at once, whatever runs.
    socket.on('error', () => process.exit(EXIT_CONNECTION_LOST));
    socket.on('close', () => process.exit(EXIT_CONNECTION_LOST));
    socket.on('data', reader(heard));
    send({
        type: 'hello',
        protocol: PROTOCOL,
        token,
        language: 'node',
        version: `${VERSION} (Node ${process.versions.node})`,
        output: 'frames',
        pid: process.pid,
        heartbeat_ms: chosen.heartbeatMs || undefined,
        callables: announced,
    });
    if (chosen.heartbeatMs) setInterval(() => send({ type: 'heartbeat' }), chosen.heartbeatMs / 2);
}

main().catch((error) => {
    console.error(error);
    process.exitCode = 1;
});
