package configfile

import (
	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/jsonpos"
)

// parseJSON is signalcast.ParseLayer, but with an error it returns what is right of the text.
func parseJSON(name string, text []byte) (signalcast.Layer, error) {
	layer, err := signalcast.ParseLayer(name, text)
	if err == nil || len(text) > signalcast.MaxConfigBytes {
		return layer, err //nolint:wrapcheck // has every place already
	}
	d := newDocument(name)
	r := jsonpos.NewReader(text)
	if start := r.Next(); start.Kind == jsonpos.ObjectStart {
		d.tree = d.jsonObject(r, signalcast.ConfigPath{})
	}
	layer, _ = d.layer() // its problems are in err
	return layer, err    //nolint:wrapcheck // has every place already
}

// jsonObject reads an object whose first token was read.
func (d *document) jsonObject(r *jsonpos.Reader, at signalcast.ConfigPath) map[string]any {
	object := map[string]any{}
	for name := r.Next(); name.Kind == jsonpos.Name; name = r.Next() {
		value := r.Next()
		if name.Text == "" {
			r.Skip(value)
			continue
		}
		path := child(at, name.Text)
		d.positions[path] = signalcast.Position(name.Position)
		switch {
		case value.Kind == jsonpos.ObjectStart && at.Topic == "":
			object[name.Text] = d.jsonObject(r, path)
		case value.Kind == jsonpos.String:
			object[name.Text] = value.Text
		case value.Kind == jsonpos.Bool:
			object[name.Text] = value.Text == "true"
		case value.Kind == jsonpos.Null:
			object[name.Text] = nil
		default:
			object[name.Text] = struct{}{} // anything that is refused
			r.Skip(value)
		}
	}
	return object
}
