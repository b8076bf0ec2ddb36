// Package configfile reads producer configurations from files in JSON, YAML and TOML and from
// environment variables, and merges them in the order given.
//
//	loaded, err := configfile.Load(registry,
//		configfile.File("base.json"),
//		configfile.File("site.yaml"),
//		configfile.Environment(configfile.ProducerConfigVariable),
//	)
//	…
//	dispatcher, err := signalcast.NewDispatcher(ctx, registry, loaded.Merged, backend,
//		signalcast.WithTopicPrefix(configfile.TopicPrefix()))
//
// [Watch] then reloads the dispatcher when the sources change:
//
//	watcher, err := configfile.Watch(dispatcher, loaded, configfile.WatchConfig{Logger: logger})
//	…
//	defer watcher.Close(ctx)
//
// # Rules of every language
//
// The rules are those of [signalcast.ParseProducerConfig]. Unknown fields, duplicate keys, wrong
// types, empty names, and null in place of an object are errors. Load reports all problems
// at once, each with its source, line and column.
//
// # YAML
//
// A text is one document of YAML 1.2. The words true and false are booleans. The words yes, no, on
// and off are strings. Aliases and merge keys (<<) are errors, so that each setting stands where it
// applies. A text without a document is an empty configuration.
//
//	org.openedx.learning.course.enrollment.created.v1:
//	  course-enrollments:
//	    event_key_field: enrollment.course.course_key
//	    enabled: true
//
// # TOML
//
// An event type contains dots, so it must be in quotes. The error for an event type without quotes
// shows the line to write instead.
//
//	["org.openedx.learning.course.enrollment.created.v1".course-enrollments]
//	event_key_field = "enrollment.course.course_key"
//	enabled = true
package configfile
