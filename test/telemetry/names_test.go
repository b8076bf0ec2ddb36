package telemetry_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"
)

const (
	docs       = "../../docs/"
	metricName = "__name__" // the label that holds it
)

type alert struct{ Alert, Expr string }

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	text, err := os.ReadFile(docs + "alerts.yaml")
	require.NoError(t, err)
	var file struct{ Groups []struct{ Rules []alert } }
	require.NoError(t, yaml.Unmarshal(text, &file))
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	require.NotEmpty(t, all)
	return all
}

// expressions returns the queries of the dashboard, in the form that Grafana sends them.
func expressions(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile(docs + "grafana/signalcast.json")
	require.NoError(t, err)
	var dashboard struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	require.NoError(t, json.Unmarshal(text, &dashboard))
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			all = append(all, strings.NewReplacer("$__rate_interval", "1m", "$job", ".*").Replace(target.Expr))
		}
	}
	require.NotEmpty(t, all)
	return all
}

func TestDashboardAndAlertsUseNamesOfTheScrape(t *testing.T) {
	t.Parallel()
	scraped := newService(t).scrape(t)
	queries := expressions(t)
	for _, a := range alerts(t) {
		queries = append(queries, a.Expr)
	}
	used := map[string]bool{}
	for _, query := range queries {
		requireNames(t, scraped, query, used)
	}
	for name := range scraped {
		name, histogram := strings.CutSuffix(name, "_count")
		if histogram {
			name += "_bucket"
		}
		require.True(t, used[name] || name == "target_info" || strings.HasSuffix(name, "_sum"), "neither the dashboard nor an alert uses %s", name)
	}
}

// requireNames requires that the metrics, labels and values of a query are in the scrape.
func requireNames(t *testing.T, scraped map[string]series, query string, used map[string]bool) {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	require.NoError(t, err, query)
	known := series{}
	for _, selector := range parser.ExtractSelectors(expr) {
		name := ""
		for _, m := range selector {
			if m.Name == metricName {
				name = m.Value
			}
		}
		require.Contains(t, scraped, name, query)
		used[name] = true
		for label, values := range scraped[name] {
			known[label] = values
		}
		for _, m := range selector {
			if m.Name != metricName && m.Name != "job" {
				require.Contains(t, scraped[name], m.Name, query)
				require.True(t, slices.ContainsFunc(values(scraped[name][m.Name]), m.Matches), "%s: no value matches %s", query, m)
			}
		}
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if aggregate, ok := node.(*parser.AggregateExpr); ok {
			for _, label := range aggregate.Grouping {
				require.Contains(t, known, label, query)
			}
		}
		return nil
	})
}

func values(set map[string]bool) (list []string) {
	for value := range set {
		list = append(list, value)
	}
	return list
}

func TestPageExplainsEveryMetricAndAlert(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(docs + "telemetry.md")
	require.NoError(t, err)
	page := string(text)
	known := newService(t).instruments(t)
	for _, name := range known {
		require.Contains(t, page, "| `"+name+"` |")
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `((?:signalcast|messaging)\\.[a-z_.]+)` \\| (?:counter|gauge|sum|histogram)").FindAllStringSubmatch(page, -1) {
		require.Contains(t, known, row[1])
	}
	var names []string
	for _, a := range alerts(t) {
		require.Contains(t, page, "| `"+a.Alert+"` |")
		names = append(names, a.Alert)
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `(Signalcast\\w+)` \\|").FindAllStringSubmatch(page, -1) {
		require.Contains(t, names, row[1])
	}
}
