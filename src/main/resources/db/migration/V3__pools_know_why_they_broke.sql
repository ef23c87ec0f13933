-- The cause may be some thousand characters long.
ALTER TABLE pool ALTER COLUMN body VARBINARY(65536);
