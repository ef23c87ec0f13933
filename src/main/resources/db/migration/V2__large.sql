-- Where a value is in payload, its column holds it without arguments, result and trace, so that a list need not read them.
-- (Rows of before have no value there.)
ALTER TABLE task ADD COLUMN large_spec BOOLEAN DEFAULT FALSE NOT NULL;
ALTER TABLE task ADD COLUMN large_progress BOOLEAN DEFAULT FALSE NOT NULL;
