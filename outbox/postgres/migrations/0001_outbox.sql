-- Messages to be published. A relay deletes a row when the broker has acknowledged its message.
create table {table} (
	sequence      bigint generated always as identity (sequence name {sequence}) primary key,
	event_id      uuid not null,
	event_time    timestamptz not null,
	stored_at     timestamptz not null default clock_timestamp(),
	minor_version bigint not null,
	key_schema    bigint,
	value_schema  bigint,
	parked_at     timestamptz,
	attempts      integer not null default 0,
	lane          smallint not null,
	topic         text not null,
	event_type    text not null,
	source        text not null,
	source_host   text not null,
	source_lib    text not null,
	content_type  text not null,
	traceparent   text,
	tracestate    text,
	last_error    text,
	key           bytea,
	value         bytea not null
) with (
	-- A queue has few rows and many dead ones, so that a fraction of its rows means nothing.
	autovacuum_vacuum_scale_factor = 0,
	autovacuum_vacuum_threshold = 10000,
	autovacuum_vacuum_insert_scale_factor = 0,
	autovacuum_vacuum_insert_threshold = 100000,
	autovacuum_analyze_scale_factor = 0,
	autovacuum_analyze_threshold = 100000,
	autovacuum_vacuum_cost_delay = 0
);

-- For the later rows of a lane whose first message fails.
create index {lane_index} on {table} (topic, lane, sequence) where parked_at is null;

-- For operators. It has no entries as long as no row is parked.
create index {parked_index} on {table} (sequence) where parked_at is not null;

-- Schemas of keys and values, each once. The id is made of the first 8 bytes of a SHA-256.
create table {schemas} (
	id   bigint primary key,
	name text not null,
	text text not null
);

-- The right of one relay to publish. It has at most one row.
create table {lease} (
	id     smallint primary key default 1 check (id = 1),
	holder text not null,
	token  bigint not null,
	until  timestamptz not null
) with (fillfactor = 50);
