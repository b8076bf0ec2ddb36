package scale

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"slices"
)

// Chart returns an SVG with the connections and the requests of fleets against the number of producers: the measured points, and the
// line of the model.
func Chart(m Measured) []byte {
	const width, height, gap = 440, 250, 60
	var body bytes.Buffer
	y := 0
	for _, s := range m.Series {
		c := Fit(s)
		most := float64(s.Growth[len(s.Growth)-1].Producers)
		panels := []panel{
			{"most connections of a server", func(p Point) float64 { return float64(slices.Max(p.Connections)) }, func(p Prediction) float64 { return p.Connections }},
			{"requests per second", func(p Point) float64 { return p.Requests }, func(p Prediction) float64 { return p.Requests }},
		}
		for i, p := range panels {
			title := fmt.Sprintf("%s: %s", chartTitles()[s.Bus], p.title)
			p.draw(&body, s, c, title, i*(width+20), y, width, height, most)
		}
		y += height + gap
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n",
		2*width+40, y, 2*width+40, y)
	b.WriteString("<style>text{fill:#333}.title{font-size:14px;font-weight:bold}.end{text-anchor:end}.middle{text-anchor:middle}" +
		".axis{stroke:#b4bcc4}.model{fill:none;stroke:#b4bcc4;stroke-width:2}.measured{fill:#1a7f5a}</style>\n")
	b.WriteString(`<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	b.Write(body.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func chartTitles() map[string]string {
	return map[string]string{Redis: "Redis", Kafka: "backends/kafka", Franz: "backends/franz"}
}

// panel is one diagram.
type panel struct {
	title     string
	measured  func(Point) float64
	predicted func(Prediction) float64
}

// draw draws the diagram with its corner at left and top. most is the number of producers at the right end.
func (p panel) draw(b *bytes.Buffer, s Series, c Constants, title string, left, top, width, height int, most float64) {
	const margin, head = 60, 30
	at := func(n int) Prediction {
		return c.Predict(Fleet{Producers: n, Rate: s.Growth[0].Wanted, Servers: 1, Cores: s.ServerProcessors()})
	}
	largest := 0.0
	for _, point := range s.Growth {
		largest = max(largest, p.measured(point), p.predicted(at(point.Producers)))
	}
	largest = roundUp(largest)
	x := func(producers float64) float64 {
		return float64(left+margin) + producers/most*float64(width-margin-20)
	}
	y := func(value float64) float64 { return float64(top+height) - value/largest*float64(height-head-10) }
	fmt.Fprintf(b, `<text x="%d" y="%d" class="title">%s</text>`+"\n", left+10, top+20, html.EscapeString(title))
	for _, part := range []float64{0, 0.5, 1} {
		fmt.Fprintf(b, `<line x1="%.0f" x2="%.0f" y1="%.0f" y2="%.0f" class="axis"/>`, x(0), x(most), y(part*largest), y(part*largest))
		fmt.Fprintf(b, `<text x="%.0f" y="%.0f" class="end">%s</text>`+"\n", x(0)-6, y(part*largest)+4, integer(part*largest))
	}
	b.WriteString(`<polyline class="model" points="`)
	const steps = 50
	for i := range steps + 1 {
		n := 1 + i*(int(most)-1)/steps
		fmt.Fprintf(b, "%.1f,%.1f ", x(float64(n)), y(p.predicted(at(n))))
	}
	b.WriteString(`"/>` + "\n")
	for _, point := range s.Growth {
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="4" class="measured"/>`, x(float64(point.Producers)), y(p.measured(point)))
		if point.Producers == 1 || point.Producers >= int(most)/5 {
			fmt.Fprintf(b, `<text x="%.1f" y="%d" class="middle">%d</text>`, x(float64(point.Producers)), top+height+16, point.Producers)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(b, `<text x="%.0f" y="%d" class="middle">producers; the line is the model</text>`+"\n", x(most/2), top+height+34)
}

// roundUp returns the next number of which only the first digit is not 0.
func roundUp(x float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(x)))
	return math.Ceil(x/unit) * unit
}
