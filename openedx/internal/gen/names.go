package gen

import (
	"strings"
	"unicode"
)

// goName returns the Go name for words joined by underscores, in upper or lower case.
func goName(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(strings.ToLower(name), "_") {
		b.WriteString(goWord(word))
	}
	return b.String()
}

func goWord(word string) string {
	switch word {
	case "ccx", "id", "idv", "lms", "lti", "ora", "pii", "url", "uuid":
		return strings.ToUpper(word)
	case "ids", "urls", "uuids":
		return strings.ToUpper(word[:len(word)-1]) + "s"
	case "xblock":
		return "XBlock"
	}
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// goRecordName returns the Go name of a record: its name on the wire, with
// initialisms in capitals.
func goRecordName(avroName string) string {
	return strings.NewReplacer("Ccx", "CCX", "Lti", "LTI").Replace(avroName)
}

// eventName returns the Go name of event data whose one argument is the given record.
func eventName(avroName string) string {
	return strings.TrimSuffix(goRecordName(avroName), "Data") + "Event"
}

// sentence returns a summary as a sentence.
func sentence(summary string) string {
	runes := []rune(summary)
	runes[0] = unicode.ToUpper(runes[0])
	return string(runes) + "."
}

// list joins names with commas and "and".
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
