package soak

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

// Mark is the time of a fault, for the graph.
type Mark struct {
	At time.Duration
	// Service reports whether the fault concerns a service, not a server.
	Service bool
}

// The geometry of the graph.
const (
	chartWidth, chartLeft, chartPlot = 900, 70, 810
	panelTitle, panelPlot, panelGap  = 24, 90, 18
	chartColumns                     = 300
	rateSamples                      = 10 // between the two ends of a rate, since a process that was stopped writes two samples at once
)

// panel is one diagram of the graph.
type panel struct {
	title string
	value func(s, before Sample) float64
}

// Chart returns an SVG with one diagram for each value, over time. A line shows the median of each column, and an area behind it the
// range. Marks at the bottom show faults.
func Chart(samples []Sample, marks []Mark) []byte {
	panels := []panel{
		{"live heap, MiB", func(s, _ Sample) float64 { return float64(s.Heap) / (1 << 20) }},
		{"resident memory, MiB", func(s, _ Sample) float64 { return float64(s.RSS) / (1 << 20) }},
		{"goroutines", func(s, _ Sample) float64 { return float64(s.Goroutines) }},
		{"open files", func(s, _ Sample) float64 { return float64(s.Files) }},
		{"events handled a second, by both services", func(s, before Sample) float64 {
			return float64(s.Handled-before.Handled) / max(0.001, (s.At-before.At).Seconds())
		}},
	}
	end := time.Minute
	if len(samples) > 0 {
		end = max(end, samples[len(samples)-1].At)
	}
	x := func(at time.Duration) float64 { return chartLeft + chartPlot*at.Seconds()/end.Seconds() }
	var body bytes.Buffer
	y := 10
	for _, p := range panels {
		p.draw(&body, y, x, samples)
		y += panelTitle + panelPlot + panelGap
	}
	fmt.Fprintf(&body, `<text x="10" y="%d">faults</text>`+"\n", y+9)
	for _, m := range marks {
		class := "server"
		if m.Service {
			class = "service"
		}
		fmt.Fprintf(&body, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" class="%s"/>`+"\n", x(m.At), x(m.At), y, y+12, class)
	}
	y += 16
	drawMinutes(&body, y, x, end)
	y += 40
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n",
		chartWidth, y, chartWidth, y)
	b.WriteString("<style>text{fill:#333}.title{font-size:14px;font-weight:bold}.scale{text-anchor:end;fill:#777}.axis{stroke:#ddd}" +
		".range{fill:#1a7f5a;opacity:.2}.median{fill:none;stroke:#1a7f5a;stroke-width:1.5}.server{stroke:#b4552d}.service{stroke:#2d5fb4}</style>\n")
	b.WriteString(`<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	b.Write(body.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// column is what one column of a diagram shows.
type column struct{ at, low, median, high float64 }

func (p panel) columns(x func(time.Duration) float64, samples []Sample) []column {
	var columns []column
	size := max(1, len(samples)/chartColumns)
	for part := range slices.Chunk(samples, size) {
		values := make([]float64, 0, size)
		for i, s := range part {
			before := samples[max(0, len(columns)*size+i-rateSamples)]
			values = append(values, p.value(s, before))
		}
		slices.Sort(values)
		columns = append(columns, column{x(part[len(part)/2].At), values[0], values[len(values)/2], values[len(values)-1]})
	}
	return columns
}

func (p panel) draw(b *bytes.Buffer, y int, x func(time.Duration) float64, samples []Sample) {
	columns := p.columns(x, samples)
	top := 1.0
	for _, c := range columns {
		top = max(top, c.high)
	}
	top = ceiling(top)
	fmt.Fprintf(b, `<text x="10" y="%d" class="title">%s</text>`+"\n", y+14, p.title)
	bottom := y + panelTitle + panelPlot
	height := func(v float64) float64 { return float64(bottom) - v/top*panelPlot }
	for _, part := range []float64{0, 0.5, 1} {
		fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" class="axis"/>`, chartLeft, chartLeft+chartPlot, height(part*top), height(part*top))
		fmt.Fprintf(b, `<text x="%d" y="%.1f" class="scale">%g</text>`+"\n", chartLeft-8, height(part*top)+4, part*top)
	}
	var area, line bytes.Buffer
	for _, c := range columns {
		fmt.Fprintf(&area, "%.1f,%.1f ", c.at, height(c.high))
		fmt.Fprintf(&line, "%.1f,%.1f ", c.at, height(c.median))
	}
	for _, c := range slices.Backward(columns) {
		fmt.Fprintf(&area, "%.1f,%.1f ", c.at, height(c.low))
	}
	fmt.Fprintf(b, `<polygon points="%s" class="range"/>`+"\n", bytes.TrimSpace(area.Bytes()))
	fmt.Fprintf(b, `<polyline points="%s" class="median"/>`+"\n", bytes.TrimSpace(line.Bytes()))
}

// ceiling returns the next number above v that is easy to read.
func ceiling(v float64) float64 {
	for unit := 1.0; ; unit *= 10 {
		for _, n := range []float64{1, 2, 4, 6, 8} {
			if n*unit >= v {
				return n * unit
			}
		}
	}
}

func drawMinutes(b *bytes.Buffer, y int, x func(time.Duration) float64, end time.Duration) {
	step := time.Minute
	for end/step > 12 {
		step *= 5
	}
	for at := time.Duration(0); at <= end; at += step {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%g</text>`+"\n", x(at), y+14, at.Minutes())
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">minutes</text>`+"\n", chartLeft+chartPlot, y+30)
}
