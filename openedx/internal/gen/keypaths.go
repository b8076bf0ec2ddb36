package gen

import (
	"fmt"
	"slices"
)

// keyPaths lists the paths that can be the event key, in wire order: those that
// end in a plain scalar and pass through nothing that can be null.
func (s signal) keyPaths() []string {
	var paths []string
	for _, argument := range s.InitData {
		paths = appendKeyPaths(paths, "", argument)
	}
	return paths
}

func appendKeyPaths(paths []string, prefix string, f field) []string {
	if f.Nullable {
		return paths
	}
	path := prefix + f.Name
	switch f.Type.Kind {
	case "list", "dict":
		return paths
	case "record":
		for _, inner := range f.Type.record.Fields {
			paths = appendKeyPaths(paths, path+".", inner)
		}
		return paths
	}
	return append(paths, path)
}

// recommendedKey is the key path to use for s, or "": the one that the reference
// annotates, unless it does not exist in the data, or else the one that the
// platform's settings use.
func (c *catalog) recommendedKey(s signal) (string, error) {
	paths := s.keyPaths()
	suggested := c.suggested[s.EventType]
	if suggested != "" && !slices.Contains(paths, suggested) {
		return "", fmt.Errorf("%s: the platform's key path %q is not one of %q", s.EventType, suggested, paths)
	}
	if slices.Contains(paths, s.EventKeyField) {
		return s.EventKeyField, nil
	}
	return suggested, nil
}
