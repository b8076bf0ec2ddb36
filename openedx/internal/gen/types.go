package gen

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// goType is a Go type and the package to import for it, "" for a built-in type.
type goType struct {
	Name, Import string
}

const (
	keysPackage       = "github.com/signalcast/signalcast/openedx/keys"
	signalcastPackage = "github.com/signalcast/signalcast"
)

// typeOf returns the Go type of a field.
func typeOf(f field) (goType, error) {
	t, err := valueType(f.Type)
	if f.Nullable {
		t.Name = "*" + t.Name
	}
	return t, err
}

func valueType(t fieldType) (goType, error) {
	switch t.Kind {
	case "str":
		return goType{Name: "string"}, nil
	case "int":
		return goType{Name: "int64"}, nil
	case "float":
		return goType{Name: "float64"}, nil
	case "bool":
		return goType{Name: "bool"}, nil
	case "bytes":
		return goType{Name: "[]byte"}, nil
	case "datetime":
		return goType{"time.Time", "time"}, nil
	case "custom":
		return customType(t.Class)
	case "record":
		return goType{Name: goRecordName(t.record.AvroName)}, nil
	case "list", "dict":
		item, err := valueType(*t.Item)
		if t.Kind == "list" {
			return goType{"[]" + item.Name, item.Import}, err
		}
		return goType{"map[string]" + item.Name, item.Import}, err
	}
	return goType{}, fmt.Errorf("found kind %q; want one with a Go type", t.Kind)
}

func customType(class string) (goType, error) {
	switch class {
	case "uuid.UUID":
		return goType{"signalcast.UUID", signalcastPackage}, nil
	case "ccx_keys.locator.CCXLocator":
		return goType{"keys.CCXLocator", keysPackage}, nil
	case "opaque_keys.edx.keys.CourseKey":
		return goType{"keys.CourseKey", keysPackage}, nil
	case "opaque_keys.edx.keys.UsageKey":
		return goType{"keys.UsageKey", keysPackage}, nil
	case "opaque_keys.edx.locator.LibraryLocatorV2":
		return goType{"keys.LibraryLocator", keysPackage}, nil
	case "opaque_keys.edx.locator.LibraryUsageLocatorV2":
		return goType{"keys.LibraryUsageLocator", keysPackage}, nil
	case "opaque_keys.edx.locator.LibraryCollectionLocator":
		return goType{"keys.LibraryCollectionLocator", keysPackage}, nil
	case "opaque_keys.edx.locator.LibraryContainerLocator":
		return goType{"keys.LibraryContainerLocator", keysPackage}, nil
	}
	return goType{}, fmt.Errorf("found class %q; want one with a Go type", class)
}

// importLines returns the lines of an import declaration, the standard library first.
func importLines(imports map[string]bool) string {
	var std, others strings.Builder
	for _, path := range slices.Sorted(maps.Keys(imports)) {
		group := &std
		if strings.Contains(path, ".") {
			group = &others
		}
		group.WriteString(strconv.Quote(path) + "\n")
	}
	return strings.Trim(std.String()+"\n"+others.String(), "\n")
}
