-- Messages that are stored and not yet published. A sequence is never used twice.
CREATE TABLE {rows} (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  lane INTEGER NOT NULL,
  topic TEXT NOT NULL,
  event_id BLOB NOT NULL,
  event_type TEXT NOT NULL,
  minor_version INTEGER NOT NULL,
  source TEXT NOT NULL,
  source_host TEXT NOT NULL,
  event_time INTEGER NOT NULL, -- microseconds since 1970, as all times
  source_lib TEXT NOT NULL,
  traceparent TEXT,
  tracestate TEXT,
  content_type TEXT NOT NULL,
  key_schema INTEGER,
  value_schema INTEGER,
  stored_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  last_error TEXT NOT NULL DEFAULT '',
  parked_at INTEGER,
  key BLOB, -- NULL for a message without a key
  value BLOB NOT NULL
) STRICT;

-- An entry ends with the sequence.
CREATE INDEX {rows_lane} ON {rows} (lane);
CREATE INDEX {rows_parked} ON {rows} (sequence) WHERE parked_at IS NOT NULL;
CREATE INDEX {rows_failing} ON {rows} (sequence) WHERE attempts > 0;

-- The id is made of the name and the text.
CREATE TABLE {schemas} (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;

-- One row. No relay holds the lease if the holder is empty.
CREATE TABLE {lease} (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  holder TEXT NOT NULL,
  token INTEGER NOT NULL,
  until INTEGER NOT NULL
) STRICT;

INSERT INTO {lease} (id, holder, token, until) VALUES (1, '', 0, 0);
