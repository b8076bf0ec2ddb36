package shape

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// The bounds of a writer's schema. The largest schema of the catalogue has 6 kB and 60 types.
const (
	maxSchemaBytes = 1 << 20
	maxSchemaTypes = 10_000
	maxSchemaDepth = 64
	maxNameBytes   = 1000
)

// WriterSchema is the parsed Avro schema that describes bytes to decode. It is immutable and safe
// for concurrent use.
type WriterSchema struct{ root *writerType }

// writerKind is the kind of a writer's type.
type writerKind uint8

const (
	nullKind writerKind = iota
	booleanKind
	intKind
	longKind
	floatKind
	doubleKind
	bytesKind
	stringKind
	fixedKind
	enumKind
	arrayKind
	mapKind
	unionKind
	recordKind
)

// String returns the Avro name of the kind.
func (k writerKind) String() string {
	return [...]string{
		"null", "boolean", "int", "long", "float", "double", "bytes", "string",
		"fixed", "enum", "array", "map", "union", "record",
	}[k]
}

// writerType is one type of a writer's schema. Records may refer to each other, so types form a
// graph that can have cycles.
type writerType struct {
	kind     writerKind
	name     string        // full name of a record, an enum or a fixed
	fields   []writerField // of a record
	elem     *writerType   // of an array or a map
	branches []*writerType // of a union
	symbols  int           // of an enum

	// minBytes is the size of the smallest value. It is 0 if and only if every value takes no
	// bytes.
	minBytes int64
	// sized are the types of the fields of a record that take bytes.
	sized []*writerType
}

type writerField struct {
	name     string
	dataType *writerType
}

// ParseSchema parses the text of an Avro schema. It ignores names of namespaces that Avro does not
// allow, logical types, aliases, defaults and attributes that Avro does not define. The error is a
// [*FieldError] with the path of wire names to the fault.
//
// A schema may come from an untrusted source. ParseSchema rejects one of more than 1 MiB, 10,000 types
// or 64 levels. Its time is linear in the size of the text.
func ParseSchema(text string) (*WriterSchema, error) {
	if len(text) > maxSchemaBytes {
		return nil, &FieldError{Found: fmt.Sprintf("found a schema of %d bytes", len(text)), Want: fmt.Sprintf("at most %d", maxSchemaBytes)}
	}
	var document any
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return nil, &FieldError{Found: "found a schema that is not JSON", Want: wantSchema, Err: err}
	}
	p := schemaParser{named: map[string]*writerType{}}
	root, err := p.parse(document, "", 1)
	if err != nil {
		return nil, err
	}
	for _, record := range p.records {
		if !record.measure() {
			return nil, &FieldError{Found: "found record " + shown(record.name) + " that contains itself", Want: "a union, an array or a map in between"}
		}
	}
	return &WriterSchema{root}, nil
}

const wantSchema = "an Avro schema"

type schemaParser struct {
	named   map[string]*writerType // by full name
	records []*writerType
	types   int
}

// parse returns the type that document describes. namespace is that of names without one.
func (p *schemaParser) parse(document any, namespace string, depth int) (*writerType, *FieldError) {
	p.types++
	switch {
	case p.types > maxSchemaTypes:
		return nil, &FieldError{Found: "found a schema with too many types", Want: fmt.Sprintf("at most %d", maxSchemaTypes)}
	case depth > maxSchemaDepth:
		return nil, &FieldError{Found: "found a schema with types nested too deeply", Want: fmt.Sprintf("at most %d levels", maxSchemaDepth)}
	}
	switch d := document.(type) {
	case string:
		return p.reference(d, namespace)
	case []any:
		return p.union(d, namespace, depth)
	case map[string]any:
		return p.attributes(d, namespace, depth)
	default:
		return nil, &FieldError{Found: "found a type that is not a name, an object or a list", Want: wantSchema}
	}
}

func (p *schemaParser) reference(name, namespace string) (*writerType, *FieldError) {
	if t := primitive(name); t != nil {
		return t, nil
	}
	if t := p.named[fullName(name, namespace)]; t != nil {
		return t, nil
	}
	return nil, &FieldError{Found: "found unknown type " + shown(name), Want: "an Avro type, or a name defined before"}
}

// primitive returns the primitive type of the given name, or nil.
func primitive(name string) *writerType {
	switch name {
	case "null":
		return &writerType{kind: nullKind}
	case "boolean":
		return &writerType{kind: booleanKind, minBytes: 1}
	case "int":
		return &writerType{kind: intKind, minBytes: 1}
	case "long":
		return &writerType{kind: longKind, minBytes: 1}
	case "float":
		return &writerType{kind: floatKind, minBytes: 4}
	case "double":
		return &writerType{kind: doubleKind, minBytes: 8}
	case "bytes":
		return &writerType{kind: bytesKind, minBytes: 1}
	case "string":
		return &writerType{kind: stringKind, minBytes: 1}
	default:
		return nil
	}
}

func (p *schemaParser) union(documents []any, namespace string, depth int) (*writerType, *FieldError) {
	t := &writerType{kind: unionKind, minBytes: 1}
	for _, document := range documents {
		branch, err := p.parse(document, namespace, depth+1)
		if err != nil {
			return nil, err
		}
		if branch.kind == unionKind {
			return nil, &FieldError{Found: "found a union in a union", Want: wantSchema}
		}
		t.branches = append(t.branches, branch)
	}
	if len(t.branches) == 0 {
		return nil, &FieldError{Found: "found a union without types", Want: wantSchema}
	}
	return t, nil
}

func (p *schemaParser) attributes(document map[string]any, namespace string, depth int) (*writerType, *FieldError) {
	var t *writerType
	var err *FieldError
	switch document["type"] {
	case "array":
		t = &writerType{kind: arrayKind, minBytes: 1}
		t.elem, err = p.parse(document["items"], namespace, depth+1)
		err = err.within("[]")
	case "map":
		t = &writerType{kind: mapKind, minBytes: 1}
		t.elem, err = p.parse(document["values"], namespace, depth+1)
		err = err.within("[...]")
	case "enum":
		symbols, _ := document["symbols"].([]any)
		t = &writerType{kind: enumKind, minBytes: 1, symbols: len(symbols)}
		_, err = p.define(t, document, namespace)
	case "fixed":
		size, _ := document["size"].(float64)
		if size < 0 || size > math.MaxInt32 || size != math.Trunc(size) {
			return nil, &FieldError{Found: "found a fixed of an invalid size", Want: "a size from 0 to 2147483647"}
		}
		t = &writerType{kind: fixedKind, minBytes: int64(size)}
		_, err = p.define(t, document, namespace)
	case "record", "error":
		t = &writerType{kind: recordKind, minBytes: unknownSize}
		if namespace, err = p.define(t, document, namespace); err == nil {
			p.records = append(p.records, t)
			err = p.fields(t, document["fields"], namespace, depth)
		}
	default: // a type with further attributes, such as {"type": "string", "logicalType": "uuid"}
		return p.parse(document["type"], namespace, depth+1)
	}
	return t, err
}

// define notes the name of t. It returns the namespace of the names within t.
func (p *schemaParser) define(t *writerType, document map[string]any, namespace string) (string, *FieldError) {
	name, _ := document["name"].(string)
	if own, ok := document["namespace"].(string); ok {
		namespace = own
	}
	t.name = fullName(name, namespace)
	switch {
	case name == "":
		return "", &FieldError{Found: "found " + t.kind.String() + " without a name", Want: wantSchema}
	case len(t.name) > maxNameBytes:
		return "", &FieldError{Found: "found a name that is too long", Want: fmt.Sprintf("at most %d bytes", maxNameBytes)}
	case p.named[t.name] != nil:
		return "", &FieldError{Found: "found a second type " + shown(t.name), Want: "one type of a name"}
	}
	p.named[t.name] = t
	return t.name[:max(0, len(t.name)-len(lastPart(t.name))-1)], nil
}

func (p *schemaParser) fields(t *writerType, list any, namespace string, depth int) *FieldError {
	documents, ok := list.([]any)
	if !ok {
		return &FieldError{Found: "found record without a list of fields", Want: wantSchema}
	}
	seen := map[string]bool{}
	for _, document := range documents {
		attributes, _ := document.(map[string]any)
		name, _ := attributes["name"].(string)
		switch {
		case !isAvroName(name), len(name) > maxNameBytes:
			return &FieldError{Found: "found a field without a valid name", Want: "ASCII letters, digits and underscores, not starting with a digit"}
		case seen[name]:
			return &FieldError{Path: name, Found: "found a second field of this name", Want: wantSchema}
		}
		seen[name] = true
		dataType, err := p.parse(attributes["type"], namespace, depth+1)
		if err != nil {
			return err.within(name)
		}
		t.fields = append(t.fields, writerField{name, dataType})
	}
	return nil
}

// The size of a record that is not measured yet.
const (
	unknownSize   = -1
	measuring     = -2
	enormousBytes = 1 << 40 // larger sizes are not distinguished
)

// measure sets minBytes and sized of a record. It measures each record once, since measuring it in
// each place would take exponential time. It reports false if the record contains itself, so that every value is infinite.
func (t *writerType) measure() bool {
	if t.minBytes != unknownSize {
		return t.minBytes != measuring
	}
	t.minBytes = measuring
	size := int64(0)
	for _, f := range t.fields {
		if f.dataType.kind == recordKind && !f.dataType.measure() {
			return false
		}
		if f.dataType.minBytes > 0 {
			t.sized = append(t.sized, f.dataType)
		}
		size = min(size+f.dataType.minBytes, enormousBytes)
	}
	t.minBytes = size
	return true
}

// fullName returns name in namespace, unless name has a namespace itself.
func fullName(name, namespace string) string {
	if namespace == "" || len(lastPart(name)) < len(name) {
		return name
	}
	return namespace + "." + name
}

// shown returns name in quotes, cut to a length that a message can have.
func shown(name string) string {
	const maxShown = 80
	if len(name) > maxShown {
		name = name[:maxShown] + "…"
	}
	return fmt.Sprintf("%q", name)
}

// lastPart returns the part of a name after its last dot.
func lastPart(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
