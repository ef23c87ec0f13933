-- The store of record. Filled by one applier, a few transactions a second, from what the journal already has.
-- What is searched by has a column; the rest of a task is two encoded values (see Codec), its spec and its progress.

CREATE TABLE task (
    seq        BIGINT  NOT NULL PRIMARY KEY, -- upper half of the id: time-ordered, so inserts go to the right edge
    nonce      BIGINT  NOT NULL,             -- lower half of the id
    state      TINYINT NOT NULL,             -- 1 PENDING, 2 RUNNING, 3 SUCCEEDED, 4 FAILED, 5 CANCELLED
    pool       VARCHAR(64)  NOT NULL,
    callable   VARCHAR(128) NOT NULL,
    expires_at BIGINT,                       -- Unix ms; set when done
    spec       VARBINARY(65536) NOT NULL,
    large_spec BOOLEAN NOT NULL,             -- whole in payload, part 0; here without arguments, so that lists need not read them
    progress   VARBINARY(65536) NOT NULL,
    large_progress BOOLEAN NOT NULL          -- whole in payload, part 1; here without result and trace
);
CREATE INDEX task_expires ON task (expires_at);

-- Values too large for a row that is often read, in chunks.
CREATE TABLE payload (
    seq   BIGINT  NOT NULL,
    part  TINYINT NOT NULL,
    chunk INT     NOT NULL,
    data  VARBINARY(524288) NOT NULL,
    PRIMARY KEY (seq, part, chunk)
);

-- Tasks that are not done: the queue of each pool in its order. Tasks that end before they are applied never come here.
CREATE TABLE open_task (
    seq   BIGINT  NOT NULL PRIMARY KEY,
    pool  VARCHAR(64) NOT NULL,
    phase TINYINT NOT NULL, -- 1 ready, 2 running, 3 delayed
    place BIGINT  NOT NULL  -- smaller starts first
);
CREATE INDEX open_task_queue ON open_task (pool, phase, place, seq);

-- When a pending task has to be looked at: the end of its delay, or of its time in the queue.
CREATE TABLE wake (
    seq BIGINT NOT NULL PRIMARY KEY,
    due BIGINT NOT NULL
);
CREATE INDEX wake_due ON wake (due, seq); -- pages go on behind an instant and a task: many may be due at one instant

CREATE TABLE task_label (
    name    VARCHAR(256) NOT NULL,
    content VARCHAR(256) NOT NULL,
    seq     BIGINT NOT NULL,
    PRIMARY KEY (name, content, seq)
);

CREATE TABLE batch (
    seq        BIGINT  NOT NULL PRIMARY KEY,
    nonce      BIGINT  NOT NULL,
    unfinished BOOLEAN NOT NULL, -- tasks of it are not done, or more may come
    expires_at BIGINT  NOT NULL, -- Unix ms; 0 while tasks of it are not done
    body       VARBINARY(1024) NOT NULL
);
CREATE INDEX batch_expires ON batch (expires_at);

-- Where the tasks of a batch are: positions, and the sequences of their tasks, both without a gap.
CREATE TABLE batch_part (
    batch BIGINT NOT NULL, -- its sequence
    pos   BIGINT NOT NULL, -- of the first
    seq   BIGINT NOT NULL, -- of the task there
    size  INT    NOT NULL,
    PRIMARY KEY (batch, pos)
);

CREATE TABLE idempotency (
    key_hash  VARCHAR(64) NOT NULL PRIMARY KEY,
    body_hash VARCHAR(64) NOT NULL,
    seq       BIGINT NOT NULL -- of the task
);

-- Who is to be told of a task's end. Those of which a try is to come are the outbox, which is read by destination.
CREATE TABLE callback (
    seq         BIGINT   NOT NULL, -- of the task
    number      SMALLINT NOT NULL, -- among its callbacks
    nonce       BIGINT   NOT NULL, -- of the task
    destination VARCHAR(300),      -- scheme, host and port; set where a try is to come
    due         BIGINT,            -- Unix ms; set where a try is to come
    body        VARBINARY(32768) NOT NULL,
    PRIMARY KEY (seq, number)
);
CREATE INDEX callback_due ON callback (destination, due, seq, number);

CREATE TABLE pool (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    body VARBINARY(4096) NOT NULL
);

-- The last frame of the journal that is in these tables, and by which ageing (ms) the places of open_task are.
CREATE TABLE applied (
    id     INT    NOT NULL PRIMARY KEY,
    frame  BIGINT NOT NULL,
    ageing BIGINT
);
INSERT INTO applied (id, frame) VALUES (1, 0);
