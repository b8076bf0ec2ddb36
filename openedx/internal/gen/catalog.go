package gen

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// catalog is what is read of catalog.json.
type catalog struct {
	Records []record
	Signals []signal

	// suggested holds the key path that the platform's settings use, by event type.
	suggested map[string]string
	// platform is platform_config.json: event type → topic → settings.
	platform map[string]map[string]topic
}

type topic struct {
	EventKeyField string `json:"event_key_field"`
}

// record is a data class.
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

	record *record // what Name is the name of
}

// load reads the catalogue and the platform's settings from the directory of the golden data.
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
				return nil, fmt.Errorf("%s: the platform uses the keys %q and %q", eventType, other, t.EventKeyField)
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

// subdomain is the name of the package that holds what the reference has in a
// module like openedx_events.learning.data.
func subdomain(module string) (string, error) {
	parts := strings.Split(module, ".")
	if len(parts) != 3 {
		return "", fmt.Errorf("module %q is not of the form openedx_events.subdomain.data", module)
	}
	if parts[1] == "content_authoring" {
		return "authoring", nil
	}
	return parts[1], nil
}

// resolve finds the records that types name.
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
			return fmt.Errorf("record %q is not in the catalogue", t.Name)
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

// records returns the records that t is or holds, outer ones first, one that
// is held twice twice.
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
