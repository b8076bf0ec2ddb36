package main

import (
	"bytes"
	"fmt"
	"html"
)

// chart returns an SVG with the events per second of each contender. Each contest
// with a server is a group of bars. The longest bar of a group has full width.
func (r *report) chart() []byte {
	const (
		width, names, bars = 900, 230, 520
		title, bar, gap    = 30, 20, 14
	)
	var body bytes.Buffer
	y := 10
	for _, c := range r.contests {
		if !drawn(c.name) {
			continue
		}
		fastest := 0.0
		for _, line := range r.results[c.name] {
			fastest = max(fastest, 1e9/line.median(byTime))
		}
		fmt.Fprintf(&body, `<text x="10" y="%d" class="title">%s: events per second</text>`+"\n", y+16, html.EscapeString(c.name))
		y += title
		for _, line := range r.results[c.name] {
			rate := 1e9 / line.median(byTime)
			class := "peer"
			if line.name == ours || line.name == oursFranz || line.name == oursKafka {
				class = "ours"
			}
			length := max(1, int(rate/fastest*bars))
			fmt.Fprintf(&body, `<text x="%d" y="%d" class="name">%s</text>`, names-8, y+14, html.EscapeString(line.name))
			fmt.Fprintf(&body, `<rect x="%d" y="%d" width="%d" height="%d" class="%s"/>`, names, y, length, bar-4, class)
			fmt.Fprintf(&body, `<text x="%d" y="%d">%s</text>`+"\n", names+length+6, y+13, figure(rate))
			y += bar
		}
		y += gap
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n",
		width, y, width, y)
	b.WriteString("<style>text{fill:#333}.title{font-size:14px;font-weight:bold}.name{text-anchor:end}.ours{fill:#1a7f5a}.peer{fill:#b4bcc4}</style>\n")
	b.WriteString(`<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	b.Write(body.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func drawn(contest string) bool {
	switch contest {
	case redisAsync, redisSync, kafkaAsync1, kafkaAsync6, kafkaSync64, kafkaSync1:
		return true
	default:
		return false
	}
}
