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

// DecodeError reports bytes that are not what their schema describes.
type DecodeError struct {
	// Schema is the name of the schema, empty where there is none.
	Schema string
	// Path names the value at fault by wire names. The items of a list are
	// numbered, as in "answer.parts[2]"; a value of a map is "options[...]",
	// since its key is event data. It is empty for the bytes as a whole.
	Path string
	// Err says what was found, without the data. It is [io.ErrUnexpectedEOF]
	// where the bytes end within the value.
	Err error
}

// Error names the schema, the value and the fault.
func (e *DecodeError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("bytes of %q: %v", e.Schema, e.Err)
	}
	return fmt.Sprintf("bytes of %q: %s: %v", e.Schema, e.Path, e.Err)
}

// Unwrap returns the cause.
func (e *DecodeError) Unwrap() error { return e.Err }

var (
	errNoSchema     = errors.New("found no schema; only bytes with a schema can be decoded")
	errTrailing     = errors.New("found bytes after the value, want none")
	errNotUTF8      = errors.New("found a string that is not UTF-8")
	errNegative     = errors.New("found a length below zero")
	errTooManyItems = errors.New("found a list or map with more items than the bytes can hold")
)

// Decode returns the one value that data holds, without any framing around it:
// a message's value with its [signalcast.Envelope.ValueSchema], or its key with
// its [signalcast.Message.KeySchema].
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
//	a union            the value itself
//
// These are the types that signals' schemas are made of; others are an error.
// Lists, maps and bytes are never nil. The value shares no memory with data.
//
// The error is a [*DecodeError], or a [*SchemaError] where the schema's text is
// none. A namespace that is not legal in Avro is no error here: it does not show
// in the bytes.
func Decode(schema *signalcast.Schema, data []byte) (any, error) {
	if schema == nil {
		return nil, &DecodeError{Err: errNoSchema}
	}
	parsed, err := parseLenient(schema.Text)
	if err != nil {
		return nil, &SchemaError{Name: schema.Name, Err: err}
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

// maxEmptyItems is how many items may take no bytes: records without fields.
const maxEmptyItems = 1 << 16

// decoder walks a schema and reads one value. The library's own decoding is not
// used since it takes bytes that end early for complete, makes room for as many
// items as the bytes claim to have, and wraps some nullable values but not others.
type decoder struct {
	schema string
	reader *hamba.Reader
	length int64 // of all bytes
	items  int64 // how many more items of lists and maps there may be
}

func newDecoder(schema string, data []byte) *decoder {
	config := hamba.WithReaderConfig(hamba.Config{}.Freeze()) // else it is shared with the program
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
		return nil, d.fail(path, fmt.Errorf("found branch %d of a union that has %d", branch, branches))
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
		return nil, d.fail(path, fmt.Errorf("found Avro type %q, which no signal has", avroType))
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

// check returns what went wrong with the value at path, as far as the reader knows.
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
