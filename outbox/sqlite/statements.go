package sqlite

import (
	"strconv"
	"strings"
)

// statements are the SQL statements of a store, with the names of its tables.
type statements struct {
	lock, insert, insertSchema, selectSchemas             string
	fetch, fetchLane, last                                string
	delete, record                                        string
	readLease, acquire, release                           string
	status, list, selected, retry, drop, version, applied string
}

// now is the time in microseconds. The clock of SQLite has milliseconds.
const now = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"

// rowColumns are the columns that scanRow reads.
const rowColumns = "sequence, lane, topic, event_id, event_type, minor_version, source, source_host, event_time, source_lib, " +
	"traceparent, tracestate, content_type, key_schema, value_schema, stored_at, attempts, last_error, parked_at, " +
	"key IS NULL, key, value"

// copiedColumns are the columns that a row keeps when it gets a new sequence.
const copiedColumns = "lane, topic, event_id, event_type, minor_version, source, source_host, event_time, source_lib, " +
	"traceparent, tracestate, content_type, key_schema, value_schema, key, value"

// listed is the condition for a list of sequences, in the form of list.
const listed = "sequence IN (SELECT value FROM json_each(?))"

// newStatements fills in the names of the tables.
func newStatements(t tables) statements {
	names := strings.NewReplacer(
		"{rows}", quote(t.rows), "{schemas}", quote(t.schemas), "{lease}", quote(t.lease), "{migrations}", quote(t.migrations),
		"{name}", "'"+t.rows+"'", "{now}", now, "{columns}", rowColumns, "{copied}", copiedColumns, "{listed}", listed,
	)
	return statements{
		lock: names.Replace("DELETE FROM {rows} WHERE 0"),
		// A driver may bind an empty slice as NULL, so a parameter says whether there is a key.
		insert: names.Replace("INSERT INTO {rows} ({copied}, stored_at) VALUES " +
			"(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, CASE WHEN ? THEN coalesce(?, x'') END, coalesce(?, x''), {now})"),
		insertSchema:  names.Replace("INSERT OR IGNORE INTO {schemas} (id, name, text) VALUES (?, ?, ?)"),
		selectSchemas: names.Replace("SELECT id, name, text FROM {schemas} WHERE id IN (SELECT value FROM json_each(?))"),

		fetch: names.Replace("SELECT {columns} FROM {rows} WHERE sequence > ? AND parked_at IS NULL ORDER BY sequence LIMIT ?"),
		fetchLane: names.Replace("SELECT {columns} FROM {rows} WHERE lane = ? AND topic = ? AND sequence > ? AND parked_at IS NULL " +
			"ORDER BY sequence LIMIT ?"),
		last: names.Replace("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = {name} COLLATE NOCASE), 0)"),

		delete: names.Replace("DELETE FROM {rows} WHERE {listed}"),
		record: names.Replace("UPDATE {rows} SET attempts = ?, last_error = ?, parked_at = CASE WHEN ? THEN {now} ELSE parked_at END " +
			"WHERE sequence = ?"),

		readLease: names.Replace("SELECT holder, token, until, {now} FROM {lease}"),
		acquire: names.Replace("UPDATE {lease} SET token = token + (holder <> ?), holder = ?, until = {now} + ? " +
			"WHERE holder = ? OR until <= {now}"),
		release: names.Replace("UPDATE {lease} SET holder = '', until = 0 WHERE holder = ? AND token = ?"),

		status: names.Replace("SELECT (SELECT count(*) FROM {rows}), (SELECT count(*) FROM {rows} WHERE parked_at IS NOT NULL), " +
			"(SELECT count(*) FROM {rows} WHERE last_error <> '' AND parked_at IS NULL), " +
			"(SELECT stored_at FROM {rows} WHERE parked_at IS NULL ORDER BY sequence LIMIT 1), holder, token, until, {now} FROM {lease}"),
		list:     names.Replace("SELECT {columns} FROM {rows} WHERE "),
		selected: names.Replace("SELECT sequence FROM {rows} WHERE "),
		retry:    names.Replace("INSERT INTO {rows} ({copied}, stored_at) SELECT {copied}, {now} FROM {rows} WHERE {listed} ORDER BY sequence"),
		drop:     names.Replace("DELETE FROM {rows} WHERE "),

		version: names.Replace("SELECT coalesce(max(version), 0) FROM {migrations}"),
		applied: names.Replace("INSERT INTO {migrations} (version, applied_at) VALUES (?, {now})"),
	}
}

func quote(name string) string { return `"` + name + `"` }

// list returns numbers as a JSON array: one parameter, however many they are.
func list(numbers []int64) string {
	b := make([]byte, 0, 2+8*len(numbers))
	b = append(b, '[')
	for i, n := range numbers {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return string(append(b, ']'))
}
