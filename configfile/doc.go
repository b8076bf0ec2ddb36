// Package configfile reads producer configurations where operators keep them:
// files in JSON, YAML and TOML and environment variables, laid over one another
// in the order given.
//
//	config, err := configfile.Load(registry,
//		configfile.File("base.json"),
//		configfile.File("site.yaml"),
//		configfile.Environment(configfile.ProducerConfigVariable),
//	)
//	…
//	dispatcher, err := signalcast.NewDispatcher(ctx, registry, config.Merged, backend,
//		signalcast.WithTopicPrefix(configfile.TopicPrefix()))
//
// # What every format has in common
//
// All rules of [signalcast.ParseProducerConfig] hold: unknown and repeated
// names, wrong types, empty names and null in place of an object are refused,
// everything that is wrong is reported at once, and every problem names its
// source, line and column.
//
// # YAML
//
// One document of YAML 1.2's plain values: true and false are booleans, yes and
// no are strings. Names are strings. Aliases and merge keys (<<) are refused:
// a setting stands where it applies. A text without a document is an empty
// configuration.
//
//	org.openedx.learning.course.enrollment.created.v1:
//	  course-enrollments:
//	    event_key_field: enrollment.course.course_key
//	    enabled: true
//
// # TOML
//
// An event type is one name, and since it has dots it stands in quotes. A name
// whose dots have split it is reported with what to write instead.
//
//	["org.openedx.learning.course.enrollment.created.v1".course-enrollments]
//	event_key_field = "enrollment.course.course_key"
//	enabled = true
//
// # Python
//
// [ConvertPython] reads what the settings file of a Python service says.
package configfile
