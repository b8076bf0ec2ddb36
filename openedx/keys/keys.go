// Package keys holds the keys by which Open edX names courses, libraries and
// what is in them. Each is a string with a Validate method.
//
// A consumer of the event bus parses every key and drops the whole event when
// one is malformed, so that an event with such a key is refused before it is
// sent. Validate accepts what the reference's consumers accept, which is
// opaque-keys 4.0.1 and ccx-keys 2.1.0, with two exceptions that no event
// carries: keys of XBlock asides and a line break at a library key's end.
// The empty string is never valid; an absent key is a nil pointer.
//
// Letters and digits of every script are allowed, except where a key's comment
// says ASCII. Letters are not normalised: "é" is one letter, and an "e" with a
// combining accent is not allowed.
//
// Validating is for every event: it allocates nothing for a valid key.
package keys

// CourseKey names a course run or a legacy library:
//
//   - course-v1:org+course+run, also with +branch@… and +version@…
//   - Org/Course/Run, the form of courses created before 2014
//   - ccx-v1:org+course+run+ccx@1, a custom course
//   - library-v1:org+library
type CourseKey string

// Validate returns an [*Error] unless k has one of the forms of a course key.
func (k CourseKey) Validate() error {
	if isCourseKey(string(k)) {
		return nil
	}
	return &Error{"course key", "course-v1:org+course+run, Org/Course/Run, ccx-v1:org+course+run+ccx@1 or library-v1:org+library", k == ""}
}

// CCXLocator names a custom course (CCX): ccx-v1:org+course+run+ccx@1.
type CCXLocator string

// Validate returns an [*Error] unless k has the form of a custom course's key.
func (k CCXLocator) Validate() error {
	if isCCXLocator(string(k)) {
		return nil
	}
	return &Error{"custom course key", "ccx-v1:org+course+run+ccx@1", k == ""}
}

// UsageKey names an XBlock where it is used, in a course or a library:
//
//   - block-v1:org+course+run+type@html+block@intro, also with +branch@… and +version@… before +type@…
//   - i4x://Org/Course/type/name, the form of courses created before 2014
//   - ccx-block-v1:org+course+run+ccx@1+type@html+block@intro
//   - lib-block-v1:org+library+type@html+block@intro
//   - lb:org:library:html:intro, see [LibraryUsageLocator]
type UsageKey string

// Validate returns an [*Error] unless k has one of the forms of a usage key.
func (k UsageKey) Validate() error {
	if isUsageKey(string(k)) {
		return nil
	}
	return &Error{"usage key", "block-v1:org+course+run+type@type+block@id, i4x://Org/Course/type/name, " +
		"ccx-block-v1:org+course+run+ccx@1+type@type+block@id, lib-block-v1:org+library+type@type+block@id or lb:org:library:type:id", k == ""}
}

// LibraryLocator names a content library: lib:org:library. The organisation is ASCII.
type LibraryLocator string

// Validate returns an [*Error] unless k has the form of a content library's key.
func (k LibraryLocator) Validate() error {
	if hasFields(string(k), "lib:", asciiSlug(), slug()) {
		return nil
	}
	return &Error{"library key", "lib:org:library", k == ""}
}

// LibraryUsageLocator names an XBlock of a content library:
// lb:org:library:type:id. The organisation and the type are ASCII.
type LibraryUsageLocator string

// Validate returns an [*Error] unless k has the form of a library block's key.
func (k LibraryUsageLocator) Validate() error {
	if isLibraryUsageLocator(string(k)) {
		return nil
	}
	return &Error{"library usage key", "lb:org:library:type:id", k == ""}
}

// LibraryCollectionLocator names a collection of a content library:
// lib-collection:org:library:id. The organisation is ASCII.
type LibraryCollectionLocator string

// Validate returns an [*Error] unless k has the form of a collection's key.
func (k LibraryCollectionLocator) Validate() error {
	if hasFields(string(k), "lib-collection:", asciiSlug(), slug(), slug()) {
		return nil
	}
	return &Error{"library collection key", "lib-collection:org:library:id", k == ""}
}

// LibraryContainerLocator names a container of a content library, such as a
// unit or a section: lct:org:library:type:id. The organisation and the type are ASCII.
type LibraryContainerLocator string

// Validate returns an [*Error] unless k has the form of a container's key.
func (k LibraryContainerLocator) Validate() error {
	if hasFields(string(k), "lct:", asciiSlug(), slug(), asciiSlug(), slug()) {
		return nil
	}
	return &Error{"library container key", "lct:org:library:type:id", k == ""}
}

// Error reports a malformed key. It does not hold the key, which is event data.
type Error struct {
	// Kind is what the key should name: "course key".
	Kind string
	// Allowed lists the forms that are valid.
	Allowed string
	// Empty says that the key was the empty string.
	Empty bool
}

// Error names the kind of key, what was found and the allowed forms.
func (e *Error) Error() string {
	if e.Empty {
		return "empty " + e.Kind + "; allowed: " + e.Allowed
	}
	return "malformed " + e.Kind + "; allowed: " + e.Allowed
}
