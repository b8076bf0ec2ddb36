package gen

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// catalogModel is the input of the template of catalog_gen.go.
type catalogModel struct {
	Packages    []string
	Signals     []string // expressions like learning.BadgeAwarded, by event type
	Unsupported []unsupportedModel
	Config      []configModel
}

type unsupportedModel struct{ EventType, Reason string }

type configModel struct{ EventType, Topic, Key string }

// packageModel is the input of the templates of one subdomain.
type packageModel struct {
	Name, Summary string
	DataImports   string // the lines of the import declaration
	Signals       []signalModel
	Events        []structModel
	Records       []structModel
}

type signalModel struct {
	Var, EventType, Summary, Sentence, Data string
	MinorVersion                            int64
	Keys                                    []string
	Recommended                             string
}

type structModel struct {
	Name     string
	WireName string // "" if it equals Name
	Doc      string
	Fields   []fieldModel

	record *record // nil for event data
}

type fieldModel struct{ Name, Type, WireName, Note string }

// model groups the catalogue by package.
func (c *catalog) model() (catalogModel, map[string]*packageModel, error) {
	top := catalogModel{}
	packages := map[string]*packageModel{}
	slices.SortFunc(c.Signals, func(a, b signal) int { return strings.Compare(a.EventType, b.EventType) })
	for _, s := range c.Signals {
		if !s.Serialisable {
			reason, err := s.unsupported()
			if err != nil {
				return top, nil, err
			}
			top.Unsupported = append(top.Unsupported, unsupportedModel{s.EventType, reason})
			continue
		}
		name, err := subdomain(s.Module)
		if err != nil {
			return top, nil, fmt.Errorf("%s: %w", s.EventType, err)
		}
		p := packages[name]
		if p == nil {
			p = &packageModel{Name: name, Summary: summary(name)}
			packages[name] = p
		}
		if err := c.addSignal(p, s); err != nil {
			return top, nil, fmt.Errorf("%s: %w", s.EventType, err)
		}
		top.Signals = append(top.Signals, name+"."+goName(s.Variable))
	}
	top.Packages = slices.Sorted(maps.Keys(packages))
	for _, eventType := range slices.Sorted(maps.Keys(c.platform)) {
		for _, topic := range slices.Sorted(maps.Keys(c.platform[eventType])) {
			top.Config = append(top.Config, configModel{eventType, topic, c.platform[eventType][topic].EventKeyField})
		}
	}
	for _, p := range packages {
		if err := p.finish(); err != nil {
			return top, nil, fmt.Errorf("package %s: %w", p.Name, err)
		}
	}
	return top, packages, nil
}

// unsupported returns why s cannot be sent: the attribute that Avro has no type for.
func (s signal) unsupported() (string, error) {
	for _, argument := range s.InitData {
		for _, r := range argument.Type.records() {
			for _, f := range r.Fields {
				if f.Type.Kind == "unsupported" {
					return fmt.Sprintf("%s of %s is an open file, which Avro has no type for", f.Name, r.AvroName), nil
				}
			}
		}
	}
	return "", fmt.Errorf("%s: found no attribute that Avro has no type for; want one, as the reference cannot serialise the event", s.EventType)
}

// addSignal adds s to p, and the structs of its data that p does not have yet.
func (c *catalog) addSignal(p *packageModel, s signal) error {
	if len(s.InitData) != 1 || s.InitData[0].Type.Kind != "record" || s.InitData[0].Nullable {
		return fmt.Errorf("found %d arguments; want one record, which names the event data", len(s.InitData))
	}
	argument := s.InitData[0]
	r := argument.Type.record
	data := structModel{
		Name:   eventName(r.AvroName),
		Fields: []fieldModel{{Name: goName(argument.Name), Type: goRecordName(r.AvroName), WireName: argument.Name}},
	}
	i := slices.IndexFunc(p.Events, func(e structModel) bool { return e.Name == data.Name })
	switch {
	case i < 0:
		p.Events = append(p.Events, data)
	case p.Events[i].Fields[0] != data.Fields[0]:
		return fmt.Errorf("the event data of two signals would be named %s", data.Name)
	}
	recommended, err := c.recommendedKey(s)
	if err != nil {
		return err
	}
	words := summary(s.Variable)
	if words == "" {
		return fmt.Errorf("%s: found no summary; want one in summaries.go", s.Variable)
	}
	p.Signals = append(p.Signals, signalModel{
		Var: goName(s.Variable), EventType: s.EventType, MinorVersion: s.MinorVersion,
		Summary: words, Sentence: sentence(words), Data: data.Name,
		Keys: s.keyPaths(), Recommended: recommended,
	})
	for _, r := range argument.Type.records() {
		name := goRecordName(r.AvroName)
		i := slices.IndexFunc(p.Records, func(known structModel) bool { return known.Name == name })
		switch {
		case i < 0:
			p.Records = append(p.Records, structModel{Name: name, record: r})
		case p.Records[i].record != r:
			return fmt.Errorf("the records %s and %s would be named %s", p.Records[i].record.Name, r.Name, name)
		}
	}
	return nil
}

// finish sorts the parts of p and adds comments and imports, which depend on all signals of p.
func (p *packageModel) finish() error {
	if p.Summary == "" {
		return errors.New("found no summary; want one in summaries.go")
	}
	slices.SortFunc(p.Signals, func(a, b signalModel) int { return strings.Compare(a.Var, b.Var) })
	byName := func(a, b structModel) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(p.Events, byName)
	slices.SortFunc(p.Records, byName)
	imports := map[string]bool{}
	for i := range p.Records {
		if err := fill(&p.Records[i], imports); err != nil {
			return err
		}
	}
	p.DataImports = importLines(imports)
	for i, e := range p.Events {
		p.Events[i].Doc = "the event data of " + p.signalsWith(e.Name)
	}
	for i, r := range p.Records {
		p.Records[i].Doc = "part of " + p.holdersOf(r.Name)
	}
	return nil
}

// fill adds the fields of the record of m, and adds the packages of their types to imports.
func fill(m *structModel, imports map[string]bool) error {
	if m.record.AvroName != m.Name {
		m.WireName = m.record.AvroName
	}
	for _, f := range m.record.Fields {
		t, err := typeOf(f)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", m.Name, f.Name, err)
		}
		if t.Import != "" {
			imports[t.Import] = true
		}
		m.Fields = append(m.Fields, fieldModel{goName(f.Name), t.Name, f.Name, note(f)})
	}
	return nil
}

// note returns a comment about a value that the consumers of the reference read
// differently: they replace a false, zero or empty value by the attribute's default.
func note(f field) string {
	switch {
	case f.DefaultNote != "":
		return "Python consumers read an empty map as the class dict."
	case f.Default == true:
		return "Python consumers read false as true, the default."
	}
	return ""
}

// signalsWith returns links to the signals that have the given event data.
func (p *packageModel) signalsWith(data string) string {
	var names []string
	for _, s := range p.Signals {
		if s.Data == data {
			names = append(names, "["+s.Var+"]")
		}
	}
	return list(names)
}

// holdersOf returns links to the structs that have a field of the given record.
func (p *packageModel) holdersOf(name string) string {
	var names []string
	for _, s := range slices.Concat(p.Events, p.Records) {
		if slices.ContainsFunc(s.Fields, func(f fieldModel) bool {
			return strings.TrimLeft(f.Type, "*[]") == name
		}) {
			names = append(names, "["+s.Name+"]")
		}
	}
	return list(names)
}
