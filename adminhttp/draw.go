package adminhttp

import (
	"html/template"
	"strconv"
	"strings"
)

// rowHeight is the height of a row in the units of the drawing, whose width is 100.
const rowHeight = 10

// SVG returns the lines as a drawing, which the page stretches to the height of the lists beside it. Screen readers skip it,
// since the table of routes has the same contents.
func (m *flowMap) SVG() template.HTML {
	var b strings.Builder
	b.WriteString(`<svg class="lines" viewBox="0 0 100 ` + strconv.Itoa(m.Rows*rowHeight) + `" preserveAspectRatio="none" aria-hidden="true">`)
	for _, l := range m.Lines {
		from, to := strconv.Itoa(l.From*rowHeight+rowHeight/2), strconv.Itoa(l.To*rowHeight+rowHeight/2)
		b.WriteString("\n" + `<path data-l="` + l.Key + `" class="` + string(l.State) + " w" + strconv.Itoa(l.Width) + `" d="M0 ` + from)
		if from == to {
			b.WriteString(`H100"/>`)
		} else {
			b.WriteString(`C50 ` + from + ` 50 ` + to + ` 100 ` + to + `"/>`)
		}
	}
	b.WriteString("\n</svg>")
	return template.HTML(b.String()) //nolint:gosec // the parts are numbers, constants and keys of base32
}

// The size of a chart, in its own units. A column is 30 s wide.
const (
	chartColumns = 120
	chartHeight  = 40
)

// chart is the graph of one figure over the last hour.
type chart struct {
	Title     string
	Now, Peak string // the present and the greatest value
	SVG       template.HTML
	Class     string
}

// charts returns the charts of the overview.
func (s *snapshot) charts() []chart {
	perSecond := func(f func(*sample) int64) []float64 {
		return columns(s.samples, func(before, now *sample) float64 {
			seconds := now.at.Sub(before.at).Seconds()
			if seconds < 1 {
				return -1
			}
			return float64(max(f(now)-f(before), 0)) / seconds
		})
	}
	delivered := perSecond(func(s *sample) int64 { return s.delivered })
	failed := perSecond(func(s *sample) int64 { return s.failed + s.rejected })
	pending := columns(s.samples, func(_, now *sample) float64 { return float64(now.pending) })
	return []chart{
		newChart("Delivered", "delivered", "/s", delivered, s.rates.Delivered),
		newChart("Failed and rejected", "failed", "/s", failed, s.rates.Failed+s.rates.Rejected),
		newChart("Pending", "pending", "", pending, float64(s.stats.Pending)),
	}
}

// columns returns the greatest value of f in each column of the last hour, and -1 where there is no sample.
func columns(samples []sample, f func(before, now *sample) float64) []float64 {
	values := make([]float64, chartColumns)
	for i := range values {
		values[i] = -1
	}
	if len(samples) == 0 {
		return values
	}
	end := samples[len(samples)-1].at
	for i := 1; i < len(samples); i++ {
		age := end.Sub(samples[i].at)
		column := chartColumns - 1 - int(age*chartColumns/historyTime)
		if column >= 0 {
			values[column] = max(values[column], f(&samples[i-1], &samples[i]))
		}
	}
	return values
}

func newChart(title, class, unit string, values []float64, now float64) chart {
	peak := now
	for _, v := range values {
		peak = max(peak, v)
	}
	format := func(v float64) string {
		if unit == "" {
			return number(int64(v))
		}
		return rate(v) + unit
	}
	return chart{Title: title, Class: class, Now: format(now), Peak: format(peak), SVG: drawArea(values, peak)}
}

// drawArea draws values from 0 to peak as steps. A negative value is a gap.
func drawArea(values []float64, peak float64) template.HTML {
	var area strings.Builder
	open, level := false, ""
	for i, v := range values {
		if v < 0 {
			if open {
				area.WriteString("V" + strconv.Itoa(chartHeight) + "Z")
			}
			open = false
			continue
		}
		if !open {
			area.WriteString("M" + strconv.Itoa(i) + " " + strconv.Itoa(chartHeight))
		}
		y := float64(chartHeight)
		if peak > 0 {
			y -= v / peak * (chartHeight - 2)
		}
		if text := "V" + strconv.FormatFloat(y, 'f', 1, 64); text != level || !open {
			area.WriteString(text)
			level = text
		}
		area.WriteString("h1")
		open = true
	}
	if open {
		area.WriteString("V" + strconv.Itoa(chartHeight) + "Z")
	}
	return template.HTML(`<svg class="chart" viewBox="0 0 ` + strconv.Itoa(chartColumns) + " " + strconv.Itoa(chartHeight) + //nolint:gosec // the parts are numbers
		`" preserveAspectRatio="none" aria-hidden="true"><path d="` + area.String() + `"/></svg>`)
}
