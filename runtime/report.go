package runtime

import (
	"fmt"
	"html"
	"math"
	"path/filepath"
	"slices"
	"strings"
)

func (t *trainer) writeReport() error {
	return writeText(filepath.Join(t.opts.Dir, ReportFile), report(t.prog, t.opts, t.history))
}

// report is the run as one page that needs nothing else: curves, settings, plausibility, timing.
func report(prog *Program, opts *Options, rows []EpochRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'><title>%s</title>%s\n<h1>%s</h1>\n", esc(prog.Name), style, esc(prog.Name))
	if len(rows) > 0 {
		last := rows[len(rows)-1]
		fmt.Fprintf(&b, "<p class=sum>%d epochs, %d updates", last.Epoch, last.Step)
		if last.TestError != nil {
			fmt.Fprintf(&b, "; test error <b>%.2f %%</b>, train error <b>%.2f %%</b>", *last.TestError, *last.TrainError)
		} else {
			fmt.Fprintf(&b, "; test loss <b>%.4g</b>, train loss <b>%.4g</b>", last.TestLoss, last.TrainLoss)
		}
		fmt.Fprintf(&b, "; %.0f samples a second on %s (%s)</p>\n", last.SamplesPerSecond, esc(opts.Target), esc(opts.Device))
	}
	curve := func(title string, lines []line) {
		if len(lines) > 0 && len(rows) > 0 {
			b.WriteString(chart(title, lines))
		}
	}
	b.WriteString("<div class=grid>")
	curve("error, %", series(rows, func(r *EpochRow) map[string]float64 {
		if r.TestError == nil {
			return nil
		}
		return map[string]float64{"train": *r.TrainError, "test": *r.TestError}
	}))
	curve("task loss", series(rows, func(r *EpochRow) map[string]float64 {
		return map[string]float64{"train": r.TrainLoss, "test": r.TestLoss}
	}))
	curve("forward losses", series(rows, func(r *EpochRow) map[string]float64 { return r.ForwardLoss }))
	curve("inverse losses", series(rows, func(r *EpochRow) map[string]float64 { return r.InverseLoss }))
	curve("measures", series(rows, func(r *EpochRow) map[string]float64 { return r.Measures }))
	b.WriteString("</div>\n")
	b.WriteString("<h2>Epochs</h2><table><tr><th>epoch<th>updates<th>train error<th>test error<th>train loss<th>test loss<th>seconds</tr>\n")
	percent := func(p *float64) string {
		if p == nil {
			return "–"
		}
		return fmt.Sprintf("%.2f %%", *p)
	}
	for _, r := range rows {
		fmt.Fprintf(&b, "<tr><td>%d<td>%d<td>%s<td>%s<td>%.4g<td>%.4g<td>%.1f</tr>\n", r.Epoch, r.Step, percent(r.TrainError), percent(r.TestError), r.TrainLoss, r.TestLoss, r.Seconds)
	}
	b.WriteString("</table>\n")
	for _, n := range prog.Notes {
		fmt.Fprintf(&b, "<h2>%s</h2><pre>%s</pre>\n", esc(n.Title), esc(n.Text))
	}
	fmt.Fprintf(&b, "<h2>Program</h2><pre>%s</pre>\n", esc(prog.Source))
	return b.String()
}

func esc(s string) string { return html.EscapeString(s) }

const style = `<style>:root{color-scheme:light dark;--line:#8884}body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{margin-bottom:0}.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(22rem,1fr));gap:1rem}figure{margin:0;border:1px solid var(--line);border-radius:6px;padding:.6rem}
figcaption{font-weight:600}svg{width:100%;height:auto}svg text{font-size:11px;fill:currentColor}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
td,th{padding:.15rem .8rem;text-align:right;border-bottom:1px solid var(--line)}pre{overflow:auto;border:1px solid var(--line);border-radius:6px;padding:.8rem;font-size:13px}</style>`

// A line is one curve: a point for each epoch that has a value.
type line struct {
	name string
	x, y []float64
}

func series(rows []EpochRow, of func(*EpochRow) map[string]float64) []line {
	byName := map[string]*line{}
	var names []string
	for i := range rows {
		for name, v := range of(&rows[i]) {
			if byName[name] == nil {
				byName[name] = &line{name: name}
				names = append(names, name)
			}
			l := byName[name]
			l.x, l.y = append(l.x, float64(rows[i].Epoch)), append(l.y, v)
		}
	}
	slices.Sort(names)
	var out []line
	for _, n := range names {
		out = append(out, *byName[n])
	}
	return out
}

// colours that keep apart on light and on dark ground.
var colours = []string{"#3b82f6", "#f97316", "#10b981", "#a855f7", "#ef4444", "#14b8a6", "#eab308", "#ec4899"}

// chart draws curves as SVG, with their range and last values as text.
func chart(title string, lines []line) string {
	const w, h, left, bottom, top = 420, 220, 46, 22, 10
	lo, hi, x0, x1 := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, l := range lines {
		for i, v := range l.y {
			lo, hi, x0, x1 = min(lo, v), max(hi, v), min(x0, l.x[i]), max(x1, l.x[i])
		}
	}
	if lo > 0 && lo < hi/2 {
		lo = 0
	}
	if hi == lo {
		hi = lo + 1
	}
	px := func(x float64) float64 { return left + (x-x0)/max(1, x1-x0)*(w-left-8) }
	py := func(y float64) float64 { return top + (hi-y)/(hi-lo)*(h-top-bottom) }
	var b strings.Builder
	fmt.Fprintf(&b, "<figure><figcaption>%s</figcaption><svg viewBox='0 0 %d %d' role=img aria-label='%s'>", esc(title), w, h, esc(title))
	for i := range 5 {
		v := lo + (hi-lo)*float64(i)/4
		fmt.Fprintf(&b, "<line x1=%d x2=%d y1=%.1f y2=%.1f stroke='var(--line)'/><text x=%d y=%.1f text-anchor=end>%.3g</text>", left, w-8, py(v), py(v), left-5, py(v)+4, v)
	}
	fmt.Fprintf(&b, "<text x=%d y=%d>%g</text><text x=%d y=%d text-anchor=end>%g epochs</text>", left, h-6, x0, w-8, h-6, x1)
	for i, l := range lines {
		c := colours[i%len(colours)]
		var points []string
		for k := range l.x {
			points = append(points, fmt.Sprintf("%.1f,%.1f", px(l.x[k]), py(l.y[k])))
		}
		fmt.Fprintf(&b, "<polyline fill=none stroke='%s' stroke-width=2 points='%s'/>", c, strings.Join(points, " "))
		fmt.Fprintf(&b, "<circle r=2.5 fill='%s' cx=%.1f cy=%.1f />", c, px(l.x[len(l.x)-1]), py(l.y[len(l.y)-1]))
	}
	b.WriteString("</svg><div>")
	for i, l := range lines {
		fmt.Fprintf(&b, "<span style='color:%s'>■</span> %s %.4g &ensp;", colours[i%len(colours)], esc(l.name), l.y[len(l.y)-1])
	}
	b.WriteString("</div></figure>\n")
	return b.String()
}
