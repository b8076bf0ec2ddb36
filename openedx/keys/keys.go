// Package keys has the keys of Open edX courses, libraries and their content.
// Each key is a string with a Validate method.
//
// The consumers of the reference, the Python implementation of the event bus,
// drop a whole event if one of its keys is malformed. The library therefore
// checks the keys of an event while encoding it.
//
// Validate accepts the keys that opaque-keys 4.0.1 and ccx-keys 2.1.0 accept,
// with two exceptions that no event carries: the key of an XBlock aside, and a
// library key that ends in a line break. The empty string is never valid. Use a
// nil pointer for an absent key.
//
// A key may contain letters and digits of every script, unless its comment says
// ASCII. Letters must be precomposed: "é" is valid, and "e" with a combining
// accent is not.
//
// Validate does not allocate for a valid key.
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

// Sample returns an example, for Registry.Sample of package signalcast.
func (CourseKey) Sample() string { return "course-v1:edX+DemoX+2026" }

// CCXLocator names a custom course (CCX): ccx-v1:org+course+run+ccx@1.
type CCXLocator string

// Validate returns an [*Error] unless k has the form of a custom course's key.
func (k CCXLocator) Validate() error {
	if isCCXLocator(string(k)) {
		return nil
	}
	return &Error{"custom course key", "ccx-v1:org+course+run+ccx@1", k == ""}
}

// Sample returns an example, for Registry.Sample of package signalcast.
func (CCXLocator) Sample() string { return "ccx-v1:edX+DemoX+2026+ccx@1" }

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

// Sample returns an example, for Registry.Sample of package signalcast.
func (UsageKey) Sample() string { return "block-v1:edX+DemoX+2026+type@html+block@intro" }

// LibraryLocator names a content library: lib:org:library. The organisation is ASCII.
type LibraryLocator string

// Validate returns an [*Error] unless k has the form of a content library's key.
func (k LibraryLocator) Validate() error {
	if hasFields(string(k), "lib:", asciiSlug, slug) {
		return nil
	}
	return &Error{"library key", "lib:org:library", k == ""}
}

// Sample returns an example, for Registry.Sample of package signalcast.
func (LibraryLocator) Sample() string { return "lib:edX:demo" }

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

// Sample returns an example, for Registry.Sample of package signalcast.
func (LibraryUsageLocator) Sample() string { return "lb:edX:demo:html:intro" }

// LibraryCollectionLocator names a collection of a content library:
// lib-collection:org:library:id. The organisation is ASCII.
type LibraryCollectionLocator string

// Validate returns an [*Error] unless k has the form of a collection's key.
func (k LibraryCollectionLocator) Validate() error {
	if hasFields(string(k), "lib-collection:", asciiSlug, slug, slug) {
		return nil
	}
	return &Error{"library collection key", "lib-collection:org:library:id", k == ""}
}

// Sample returns an example, for Registry.Sample of package signalcast.
func (LibraryCollectionLocator) Sample() string { return "lib-collection:edX:demo:start" }

// LibraryContainerLocator names a container of a content library, such as a
// unit or a section: lct:org:library:type:id. The organisation and the type are ASCII.
type LibraryContainerLocator string

// Validate returns an [*Error] unless k has the form of a container's key.
func (k LibraryContainerLocator) Validate() error {
	if hasFields(string(k), "lct:", asciiSlug, slug, asciiSlug, slug) {
		return nil
	}
	return &Error{"library container key", "lct:org:library:type:id", k == ""}
}

// Sample returns an example, for Registry.Sample of package signalcast.
func (LibraryContainerLocator) Sample() string { return "lct:edX:demo:unit:intro" }

// Error describes an invalid key. It does not hold the key, which is event data.
type Error struct {
	// Kind is the kind of key, such as "course key".
	Kind string
	// Want lists the valid forms.
	Want string
	// Empty reports whether the key was the empty string.
	Empty bool
}

// Error returns what was found and the valid forms.
func (e *Error) Error() string {
	if e.Empty {
		return "empty " + e.Kind + "; want " + e.Want
	}
	return "malformed " + e.Kind + "; want " + e.Want
}
