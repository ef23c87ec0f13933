'use strict';

/* What the conformance suite has run; workers/PROTOCOL.md describes it. taskpool-worker.js --module conformance.js */

const { setTimeout: delay } = require('node:timers/promises');
const { callable, current } = globalThis.taskpool;

const named = (name, call) => callable({ name: `conformance.${name}` }, call);

exports.echo = named('echo', (...all) => {
    const { kwargs } = current();
    return { args: Object.keys(kwargs).length === 0 ? all : all.slice(0, -1), kwargs };
});

exports.fail = named('fail', (message) => {
    throw new RangeError(message, { cause: new TypeError(`cause of ${message}`) });
});

exports.print = named('print', (...lines) => {
    for (const [stream, text] of lines) process[stream].write(text);
    return lines.length;
});

exports.sleep = named('sleep', async (seconds) => {
    const task = current();
    task.progress(0.5, 'sleeping');
    for (const end = Date.now() + seconds * 1000; Date.now() < end; ) {
        if (task.draining) return 'drained';
        await delay(Math.max(0, Math.min(20, end - Date.now())), undefined, { signal: task.signal });
    }
    return 'slept';
});

exports.big = named('big', (n) => 'x'.repeat(n));

exports.nan = named('nan', () => [Number.NaN]);

exports.goodbye = named('goodbye', () => current().retire());
