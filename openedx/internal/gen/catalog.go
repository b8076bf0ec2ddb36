package gen

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// catalog holds the records and signals of catalog.json.
type catalog struct {
	Records []record
	Signals []signal

	// suggested maps an event type to the key path in the settings of the platform.
	suggested map[string]string
	// platform holds platform_config.json: event type → topic → settings.
	platform map[string]map[string]topic
}

type topic struct {
	EventKeyField string `json:"event_key_field"`
}

// record is a data class of the reference.
type record struct {
	Name     string
	AvroName string `json:"avro_name"`
	Module   string
	Fields   []field
}

type signal struct {
	EventType     string `json:"event_type"`
	Variable      string
	Module        string
	MinorVersion  int64   `json:"minor_version"`
	EventKeyField string  `json:"event_key_field"`
	InitData      []field `json:"init_data"`
	Serialisable  bool
}

// field is a named value: an attribute of a data class or an argument of a signal.
type field struct {
	Name        string
	Type        fieldType
	Nullable    bool
	Default     any
	DefaultNote string `json:"default_note"`
}

type fieldType struct {
	Kind  string
	Name  string     // of a record
	Class string     // of a custom type
	Item  *fieldType // of a list or dict

	record *record // named by Name
}

// load reads the catalogue and the settings of the platform from the directory golden.
func load(golden string) (*catalog, error) {
	c := &catalog{suggested: map[string]string{}}
	if err := errors.Join(
		readJSON(filepath.Join(golden, "catalog.json"), c),
		readJSON(filepath.Join(golden, "platform_config.json"), &c.platform),
	); err != nil {
		return nil, err
	}
	if err := c.resolve(); err != nil {
		return nil, err
	}
	for eventType, topics := range c.platform {
		for _, t := range topics {
			if other, ok := c.suggested[eventType]; ok && other != t.EventKeyField {
				return nil, fmt.Errorf("%s: found the key paths %q and %q in the settings of the platform; want one", eventType, other, t.EventKeyField)
			}
			c.suggested[eventType] = t.EventKeyField
		}
	}
	return c, nil
}

func readJSON(name string, into any) error {
	text, err := os.ReadFile(name) //nolint:gosec // the caller's own directory
	if err != nil {
		return fmt.Errorf("reading the golden data: %w", err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// subdomain returns the name of the Go package for a Python module such as
// openedx_events.learning.data.
func subdomain(module string) (string, error) {
	parts := strings.Split(module, ".")
	if len(parts) != 3 {
		return "", fmt.Errorf("found module %q; want openedx_events.SUBDOMAIN.data", module)
	}
	if parts[1] == "content_authoring" {
		return "authoring", nil
	}
	return parts[1], nil
}

// resolve sets the record of every type that names one.
func (c *catalog) resolve() error {
	byName := map[string]*record{}
	for i := range c.Records {
		byName[c.Records[i].Name] = &c.Records[i]
	}
	var resolveType func(t *fieldType) error
	resolveType = func(t *fieldType) error {
		if t.Item != nil {
			return resolveType(t.Item)
		}
		if t.record = byName[t.Name]; t.Kind == "record" && t.record == nil {
			return fmt.Errorf("found record %q; want one of the catalogue", t.Name)
		}
		return nil
	}
	for _, r := range c.Records {
		for i := range r.Fields {
			if err := resolveType(&r.Fields[i].Type); err != nil {
				return fmt.Errorf("%s.%s: %w", r.Name, r.Fields[i].Name, err)
			}
		}
	}
	for _, s := range c.Signals {
		for i := range s.InitData {
			if err := resolveType(&s.InitData[i].Type); err != nil {
				return fmt.Errorf("%s: %w", s.EventType, err)
			}
		}
	}
	return nil
}

// records returns the records in t, outer ones first. A record that occurs twice
// is returned twice.
func (t fieldType) records() []*record {
	if t.Item != nil {
		return t.Item.records()
	}
	if t.record == nil {
		return nil
	}
	all := []*record{t.record}
	for _, f := range t.record.Fields {
		all = append(all, f.Type.records()...)
	}
	return all
}
