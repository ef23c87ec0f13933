-- Pages through what is due go on behind an instant and a task: many may be due at one instant.
DROP INDEX wake_due;
CREATE INDEX wake_due ON wake (due, seq);
