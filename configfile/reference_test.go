package configfile_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/configfile"
)

// With -update, the test writes the reference in docs/configuration.md.
func TestReferenceIsThatOfTheCode(t *testing.T) {
	t.Parallel()
	const page = "../docs/configuration.md"
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	section := regexp.MustCompile(`(?s)\n## Reference\n.*?(\n## |$)`)
	require.Regexp(t, section, string(text))
	want := section.ReplaceAllString(string(text), strings.ReplaceAll("\n"+reference(t), "$", "$$")+"$1")
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(want), 0o600))
		return
	}
	require.Equal(t, want, string(text), "go test ./configfile -run Reference -update writes the page")
}

func reference(t *testing.T) string {
	t.Helper()
	return "## Reference\n\nThis section is made from the code.\n" +
		table("Settings of a topic", "setting", "values", settings(t)) +
		table("Sources of configfile", "function", "contract", sources(t)) +
		table("Environment variables", "variable", "sets", environment()) +
		table("Codes of problems", "`Problem.Code`", "found", problems(t)) +
		table("Limits", "limit", "value", limits())
}

func table(title, first, second string, rows [][2]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %s\n\n| %s | %s |\n|---|---|\n", title, first, second)
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s | %s |\n", row[0], strings.ReplaceAll(strings.TrimSpace(row[1]), "\n", " "))
	}
	return b.String()
}

func settings(t *testing.T) (rows [][2]string) {
	t.Helper()
	var modes []string
	for mode := range constants(t, "../mode.go", "Mode") {
		modes = append(modes, "`"+mode+"`")
	}
	slices.Sort(modes)
	topic := reflect.TypeFor[signalcast.TopicConfig]()
	for field := range topic.Fields() {
		values := map[reflect.Kind]string{reflect.String: "a string", reflect.Bool: "`true`, `false`"}[field.Type.Elem().Kind()]
		if field.Type == reflect.TypeFor[*signalcast.Mode]() {
			values = strings.Join(modes, ", ")
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		rows = append(rows, [2]string{"`" + name + "`", values + ", or null to inherit"})
	}
	return rows
}

// sources returns the functions that return a Source, each with its doc comment.
func sources(t *testing.T) (rows [][2]string) {
	t.Helper()
	for _, declaration := range parse(t, "source.go").Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || !function.Name.IsExported() {
			continue
		}
		if result, ok := function.Type.Results.List[0].Type.(*ast.Ident); ok && result.Name == "Source" {
			contract := strings.TrimPrefix(function.Doc.Text(), function.Name.Name+" ")
			rows = append(rows, [2]string{"`" + function.Name.Name + "`", contract})
		}
	}
	return rows
}

func environment() [][2]string {
	rows := [][2]string{
		{"`" + configfile.ProducerConfigVariable + "`", "a layer in JSON, by `Environment`"},
		{"`" + configfile.TopicPrefixVariable + "`", "the topic prefix, by `TopicPrefix`"},
	}
	rows = append(rows, variables("redis.ConfigFromEnv", func(getenv func(string) string) redis.Config {
		c, _ := redis.ConfigFromEnv(getenv)
		return c
	})...)
	return append(rows, variables("kafkaconfig.FromEnv", kafkaconfig.FromEnv)...)
}

// variables returns the variables that a function reads, each with the fields that depend on it.
func variables[T any](name string, read func(getenv func(string) string) T) (rows [][2]string) {
	fields := map[string][]string{}
	unset := reflect.ValueOf(read(func(variable string) string { fields[variable] = nil; return "" }))
	for _, variable := range slices.Sorted(maps.Keys(fields)) {
		set := reflect.ValueOf(read(func(v string) string { return map[string]string{variable: "7"}[v] }))
		for field := range set.Type().Fields() {
			if !reflect.DeepEqual(set.FieldByIndex(field.Index).Interface(), unset.FieldByIndex(field.Index).Interface()) {
				fields[variable] = append(fields[variable], "`"+field.Name+"`")
			}
		}
		rows = append(rows, [2]string{"`" + variable + "`", strings.Join(fields[variable], ", ") + ", by `" + name + "`"})
	}
	return rows
}

func problems(t *testing.T) (rows [][2]string) {
	t.Helper()
	codes := constants(t, "../config_problem.go", "ProblemCode")
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		rows = append(rows, [2]string{"`" + code + "`", codes[code]})
	}
	return rows
}

func limits() [][2]string {
	return [][2]string{
		{"a text in JSON, `signalcast.MaxConfigBytes`", fmt.Sprint(signalcast.MaxConfigBytes>>20, " MiB")},
		{"a text in YAML or TOML, `MaxBytes`", fmt.Sprint(configfile.MaxBytes>>10, " KiB")},
		{"problems that one error lists, `signalcast.MaxProblems`; it counts the others", strconv.Itoa(signalcast.MaxProblems)},
	}
}

func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	require.NoError(t, err)
	return parsed
}

// constants returns the values of the string constants of a type, each with the comment behind it.
func constants(t *testing.T, file, typeName string) map[string]string {
	t.Helper()
	comments := map[string]string{}
	ast.Inspect(parse(t, file), func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && fmt.Sprint(spec.Type) == typeName {
			comments[strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`)] = spec.Comment.Text()
		}
		return true
	})
	require.NotEmpty(t, comments)
	return comments
}
