package runtime

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// colours keep apart on light and on dark ground; further curves repeat them dashed, and then dotted.
var colours = []string{"#3b82f6", "#f97316", "#10b981", "#a855f7", "#ef4444", "#14b8a6", "#eab308", "#ec4899"}

var strokes = []struct{ dashes, border string }{{"", "solid"}, {"6 3", "dashed"}, {"2 3", "dotted"}}

// crowd is how many points a curve has at most that are drawn as dots; among more, dots would hide the line.
const crowd = 50

// The plot within a chart, in its own units.
const (
	chartWidth, chartHeight             = 460, 240
	plotLeft, plotRight, plotTop, plotB = 52, 448, 10, 214
)

// An axis maps values to places; a logarithmic one has the decimal logarithms of its ends in from and to.
type axis struct {
	from, to, at, end float64
	log               bool
}

func (a axis) place(v float64) float64 {
	if a.log {
		v = math.Log10(v)
	}
	return a.at + (v-a.from)/(a.to-a.from)*(a.end-a.at)
}

// ticks are the values that the axis is marked at: powers of ten, or round steps, about five.
func (a axis) ticks() []float64 {
	var list []float64
	if a.log {
		for e := math.Ceil(a.from); e <= a.to; e++ {
			list = append(list, math.Pow(10, e))
		}
		return list
	}
	step := math.Pow(10, math.Floor(math.Log10((a.to-a.from)/4)))
	for _, k := range []float64{1, 2, 5, 10} {
		if (a.to-a.from)/(k*step) <= 6 {
			step *= k
			break
		}
	}
	for k := math.Ceil(a.from / step); k*step <= a.to+step*1e-9; k++ {
		list = append(list, k*step)
	}
	return list
}

// axes fit the curves: epochs from the first to the last, values from 0 where that is near, in decades where they span two.
func axes(lines []curve) (x, y axis) {
	lo, hi, first, last := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, l := range lines {
		for i, v := range l.y {
			lo, hi, first, last = min(lo, v), max(hi, v), min(first, l.x[i]), max(last, l.x[i])
		}
	}
	x = axis{from: first, to: max(last, first+1), at: plotLeft, end: plotRight}
	y = axis{from: lo, to: hi, at: plotB, end: plotTop}
	switch {
	case lo > 0 && hi/lo >= 100:
		y.log, y.from, y.to = true, math.Floor(math.Log10(lo)), math.Ceil(math.Log10(hi))
	case hi == lo:
		y.from, y.to = lo-math.Abs(lo)/2-1e-9, hi+math.Abs(hi)/2+1e-9
	case lo > 0 && lo < hi/2:
		y.from = 0
	}
	return x, y
}

// chart draws curves as SVG; each point says its value under the pointer, and the last ones stand below.
func chart(title string, lines []curve) template.HTML {
	x, y := axes(lines)
	var b strings.Builder
	title = template.HTMLEscapeString(title)
	fmt.Fprintf(&b, "<figure><figcaption>%s</figcaption>\n<svg viewBox='0 0 %d %d' role=img aria-label='%s'>\n", title, chartWidth, chartHeight, title)
	for _, v := range y.ticks() {
		fmt.Fprintf(&b, "<line class=rule x1=%d x2=%d y1=%.1f y2=%.1f /><text x=%d y=%.1f text-anchor=end>%.4g</text>\n", plotLeft, plotRight, y.place(v), y.place(v), plotLeft-6, y.place(v)+4, v)
	}
	for _, v := range x.ticks() {
		if v == math.Trunc(v) {
			fmt.Fprintf(&b, "<text x=%.1f y=%d text-anchor=middle>%g</text>\n", x.place(v), chartHeight-8, v)
		}
	}
	fmt.Fprintf(&b, "<text x=%d y=%d text-anchor=end>epoch</text>\n", plotLeft-6, chartHeight-8)
	style := func(i int) (colour, dashes, border string) {
		s := strokes[i/len(colours)%len(strokes)]
		return colours[i%len(colours)], s.dashes, s.border
	}
	for i, l := range lines {
		colour, dashes, _ := style(i)
		dots := ""
		if len(l.x) > crowd {
			dots = " class=crowd"
		}
		fmt.Fprintf(&b, "<g fill='%s' stroke='%s'%s><polyline fill=none stroke-width=2 stroke-dasharray='%s' points='", colour, colour, dots, dashes)
		for k := range l.x {
			fmt.Fprintf(&b, "%.1f,%.1f ", x.place(l.x[k]), y.place(l.y[k]))
		}
		b.WriteString("'/>")
		for k := range l.x {
			fmt.Fprintf(&b, "<circle r=2.5 cx=%.1f cy=%.1f><title>%s, epoch %g: %.5g</title></circle>", x.place(l.x[k]), y.place(l.y[k]), template.HTMLEscapeString(l.name), l.x[k], l.y[k])
		}
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n<p>")
	for i, l := range lines {
		colour, _, border := style(i)
		fmt.Fprintf(&b, "<span><i style='border-top:3px %s %s'></i>%s %.4g</span> ", border, colour, template.HTMLEscapeString(l.name), l.y[len(l.y)-1])
	}
	b.WriteString("</p></figure>")
	return template.HTML(b.String())
}
