package avro

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	hamba "github.com/hamba/avro/v2"

	"github.com/signalcast/signalcast"
)

// DecodeError reports that bytes do not encode a value of their schema.
type DecodeError struct {
	// Schema is the name of the schema, or empty without a schema.
	Schema string
	// Path is the dotted path of wire names to the value at fault. An item of a list has its
	// index, as in "answer.parts[2]". The keys and values of a map are "options[...]", since
	// keys are event data. An empty Path is the outermost value.
	Path string
	// Err is the fault, without the data. It is [io.ErrUnexpectedEOF] if the bytes end within
	// the value.
	Err error
}

// Error returns the name of the schema, the path and the fault.
func (e *DecodeError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("bytes of %q: %v", e.Schema, e.Err)
	}
	return fmt.Sprintf("bytes of %q: %s: %v", e.Schema, e.Path, e.Err)
}

// Unwrap returns Err.
func (e *DecodeError) Unwrap() error { return e.Err }

var (
	errNoSchema     = errors.New("found no schema; want a schema")
	errTrailing     = errors.New("found bytes after the value; want only the value")
	errNotUTF8      = errors.New("found invalid UTF-8; want text in UTF-8")
	errNegative     = errors.New("found a negative length; want 0 or more")
	errTooManyItems = errors.New("found a list or map with more items than the bytes can hold")
)

// Decode decodes data, the encoding of one value without framing: the value of a message with its
// [signalcast.Envelope.ValueSchema], or the key with its [signalcast.Message.KeySchema].
//
//	Avro               Go
//	record, map        map[string]any
//	array              []any
//	string             string
//	long               int64
//	double             float64
//	boolean            bool
//	bytes              []byte
//	null               nil
//	union              the value itself
//
// The schemas of signals have no other types. Decode returns an error for them. Lists, maps and
// bytes are never nil. The value shares no memory with data.
//
// The error is a [*DecodeError], or a [*InvalidSchemaError] if the text is not a valid schema. Decode
// accepts an invalid namespace, since the encoding does not depend on it.
func Decode(schema *signalcast.Schema, data []byte) (any, error) {
	if schema == nil {
		return nil, &DecodeError{Err: errNoSchema}
	}
	parsed, err := parseLenient(schema.Text)
	if err != nil {
		return nil, &InvalidSchemaError{Name: schema.Name, Err: err}
	}
	d := newDecoder(schema.Name, data)
	value, err := d.value(parsed, "")
	if err != nil {
		return nil, err
	}
	if d.reader.Peek(); d.reader.Error == nil {
		return nil, d.fail("", errTrailing)
	}
	return value, nil
}

// maxEmptyItems is the largest number of items without bytes, such as records without fields.
const maxEmptyItems = 1 << 16

// decoder reads one value of a schema. It replaces the decoding of the library, which accepts
// bytes that end early, allocates as many items as the bytes claim to have, and wraps only some
// nullable values.
type decoder struct {
	schema string
	reader *hamba.Reader
	length int64 // of the bytes to decode
	items  int64 // largest number of further items of lists and maps
}

func newDecoder(schema string, data []byte) *decoder {
	config := hamba.WithReaderConfig(hamba.Config{}.Freeze()) // the default would be shared with the program
	length := int64(len(data))
	return &decoder{
		schema: schema,
		reader: hamba.NewReader(nil, 0, config).Reset(data),
		length: length,
		items:  length + maxEmptyItems,
	}
}

func (d *decoder) value(schema hamba.Schema, path string) (any, error) {
	switch s := schema.(type) {
	case *hamba.RefSchema:
		return d.value(s.Schema(), path)
	case *hamba.RecordSchema:
		return d.record(s, path)
	case *hamba.ArraySchema:
		return d.list(s, path)
	case *hamba.MapSchema:
		return d.mapping(s, path)
	case *hamba.UnionSchema:
		return d.union(s, path)
	case *hamba.NullSchema:
		return nil, nil
	default:
		return d.scalar(string(s.Type()), path)
	}
}

func (d *decoder) record(schema *hamba.RecordSchema, path string) (any, error) {
	if path != "" {
		path += "."
	}
	record := make(map[string]any, len(schema.Fields()))
	for _, field := range schema.Fields() {
		value, err := d.value(field.Type(), path+field.Name())
		if err != nil {
			return nil, err
		}
		record[field.Name()] = value
	}
	return record, nil
}

func (d *decoder) list(schema *hamba.ArraySchema, path string) (any, error) {
	list := []any{}
	err := d.blocks(path, func() error {
		value, err := d.value(schema.Items(), path+"["+strconv.Itoa(len(list))+"]")
		list = append(list, value)
		return err
	})
	return list, err
}

func (d *decoder) mapping(schema *hamba.MapSchema, path string) (any, error) {
	path += "[...]"
	mapping := map[string]any{}
	err := d.blocks(path, func() error {
		key, err := d.text(path)
		if err != nil {
			return err
		}
		mapping[key], err = d.value(schema.Values(), path)
		return err
	})
	return mapping, err
}

// blocks calls item for every item of a list or map.
func (d *decoder) blocks(path string, item func() error) error {
	for {
		count, _ := d.reader.ReadBlockHeader()
		if err := d.check(path); err != nil || count == 0 {
			return err
		}
		if count < 0 || count > d.items {
			return d.fail(path, errTooManyItems)
		}
		d.items -= count
		for range count {
			if err := item(); err != nil {
				return err
			}
		}
	}
}

func (d *decoder) union(schema *hamba.UnionSchema, path string) (any, error) {
	branch := d.reader.ReadLong()
	if err := d.check(path); err != nil {
		return nil, err
	}
	branches := int64(len(schema.Types()))
	if branch < 0 || branch >= branches {
		return nil, d.fail(path, fmt.Errorf("found branch %d of a union; want 0 to %d", branch, branches-1))
	}
	return d.value(schema.Types()[branch], path)
}

func (d *decoder) scalar(avroType, path string) (any, error) {
	var value any
	switch avroType {
	case "string":
		return d.text(path)
	case "long":
		value = d.reader.ReadLong()
	case "double":
		value = d.reader.ReadDouble()
	case "boolean":
		value = d.reader.ReadBool()
	case "bytes":
		return d.bytes(path)
	default:
		return nil, d.fail(path, fmt.Errorf("found Avro type %q; want a type of a signal's schema", avroType))
	}
	return value, d.check(path)
}

func (d *decoder) text(path string) (string, error) {
	text, err := d.bytes(path)
	if err == nil && !utf8.Valid(text) {
		err = d.fail(path, errNotUTF8)
	}
	return string(text), err
}

func (d *decoder) bytes(path string) ([]byte, error) {
	length := d.reader.ReadLong()
	if err := d.check(path); err != nil {
		return nil, err
	}
	switch {
	case length < 0:
		return nil, d.fail(path, errNegative)
	case length > d.length:
		return nil, d.fail(path, io.ErrUnexpectedEOF)
	}
	b := make([]byte, length)
	d.reader.Read(b)
	return b, d.check(path)
}

// check returns the error of the reader as a fault of the value at path, or nil.
func (d *decoder) check(path string) error {
	err := d.reader.Error
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return d.fail(path, err)
}

func (d *decoder) fail(path string, err error) error {
	return &DecodeError{Schema: d.schema, Path: path, Err: err}
}
