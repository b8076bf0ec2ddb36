package gen

import (
	"fmt"
	"slices"
)

// keyPaths returns the paths that can be the event key, in wire order. Such a
// path ends in a scalar, and no part of it can be null.
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

// recommendedKey returns the key path that the reference annotates, if the data
// of s has it. Otherwise it returns the one in the settings of the platform, or "".
func (c *catalog) recommendedKey(s signal) (string, error) {
	paths := s.keyPaths()
	suggested := c.suggested[s.EventType]
	if suggested != "" && !slices.Contains(paths, suggested) {
		return "", fmt.Errorf("%s: found the key path %q in the settings of the platform; want one of %q", s.EventType, suggested, paths)
	}
	if slices.Contains(paths, s.EventKeyField) {
		return s.EventKeyField, nil
	}
	return suggested, nil
}
