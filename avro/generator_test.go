package avro_test

import (
	"encoding/binary"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/signalcast/signalcast"
)

// generator makes values from bytes. After the last byte it makes zero values.
type generator struct {
	bytes      []byte
	singleMaps bool // maps have at most one entry, so that all encoders write the same bytes
}

func (g *generator) byte() byte {
	if len(g.bytes) == 0 {
		return 0
	}
	b := g.bytes[0]
	g.bytes = g.bytes[1:]
	return b
}

func (g *generator) uint64() uint64 {
	var b [8]byte
	g.bytes = g.bytes[copy(b[:], g.bytes):]
	return binary.LittleEndian.Uint64(b[:])
}

// below returns a number from 0 to n-1.
func (g *generator) below(n int) int { return int(g.byte()) % n }

func (g *generator) fill(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(g.time()))
		return
	case v.Type() == reflect.TypeFor[[]byte]():
		v.SetBytes([]byte(g.text()))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(g.byte()%2 == 1)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(g.int() >> (64 - v.Type().Bits()))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		v.SetUint(g.uint64() >> (64 - v.Type().Bits()))
	case reflect.Float32:
		v.SetFloat(float64(math.Float32frombits(uint32(g.uint64()))))
	case reflect.Float64:
		v.SetFloat(g.float())
	case reflect.String:
		v.SetString(g.text())
	case reflect.Pointer:
		if g.byte()%3 > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			g.fill(v.Elem())
		}
	case reflect.Slice:
		g.fillSlice(v)
	case reflect.Map:
		g.fillMap(v)
	default:
		for f, field := range v.Fields() {
			if f.Name != "_" {
				g.fill(field)
			}
		}
	}
}

func (g *generator) int() int64 {
	switch g.below(4) {
	case 0:
		return math.MinInt64
	case 1:
		return math.MaxInt64
	default:
		return int64(g.uint64())
	}
}

func (g *generator) float() float64 {
	special := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat64}
	if i := g.below(2 * len(special)); i < len(special) {
		return special[i]
	}
	return math.Float64frombits(g.uint64())
}

// text makes UTF-8. The length of some texts takes two or three bytes on the wire.
func (g *generator) text() string {
	pieces := []string{"a", "Z", "7", " ", "\x00", "\"\\", "é", "漢", "😀", "\u2028"}
	var b strings.Builder
	for range g.below(8) {
		b.WriteString(pieces[g.below(len(pieces))])
	}
	switch g.below(32) {
	case 1:
		return strings.Repeat(b.String(), 20)
	case 2:
		return strings.Repeat(b.String(), 1000)
	default:
		return b.String()
	}
}

func (g *generator) time() time.Time {
	zones := []*time.Location{
		time.UTC,
		signalcast.Naive(),
		time.FixedZone("London", 0),
		time.FixedZone("", (5*60+45)*60),
		time.FixedZone("", -(11*60+30)*60),
		time.FixedZone("", 1*3600+2*60+3),
	}
	nanoseconds := []int{0, 999, 1000, 500_000_000, 999_999_999, 120_000}
	return time.Date(2+int(g.uint64()%9998), time.Month(1+g.below(12)), 1+g.below(28),
		g.below(24), g.below(60), g.below(60), nanoseconds[g.below(len(nanoseconds))], zones[g.below(len(zones))])
}

func (g *generator) fillSlice(v reflect.Value) {
	length := g.below(5)
	if length == 0 && g.byte()%2 == 0 {
		return // nil is encoded as empty
	}
	if g.byte() == 1 {
		length *= 50
	}
	v.Set(reflect.MakeSlice(v.Type(), length, length))
	for i := range length {
		g.fill(v.Index(i))
	}
}

func (g *generator) fillMap(v reflect.Value) {
	entries := g.below(6)
	if g.singleMaps {
		entries = min(entries, 1)
	}
	if entries == 0 && g.byte()%2 == 0 {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for range entries {
		key := reflect.New(v.Type().Key()).Elem()
		value := reflect.New(v.Type().Elem()).Elem()
		g.fill(key)
		g.fill(value)
		v.SetMapIndex(key, value)
	}
}
