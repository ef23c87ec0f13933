-- Callbacks may be of a batch, too: sequences of tasks and batches are from one counter.
ALTER TABLE callback ADD COLUMN batch BOOLEAN DEFAULT FALSE NOT NULL;
