package runtime

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"bnetc/ir/kernel"
)

// A page is a run for people: report.html, one file that needs nothing else.
type page struct {
	Name, Target, Device string
	Tiles                []tile
	Charts               []template.HTML
	Settings             []tile
	Epochs               []EpochRow
	Top5                 bool
	Notes                []Note
}

// A tile is a figure with its name.
type tile struct{ Name, Value string }

//go:embed report.html
var pageText string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{"percent": percent, "loss": func(v float64) string { return fmt.Sprintf("%.4g", v) },
	"seconds": func(v float64) string { return fmt.Sprintf("%.2f", v) }, "whole": func(v float64) string { return fmt.Sprintf("%.0f", v) }}).Parse(pageText))

func percent(p *float64) string {
	if p == nil {
		return "–"
	}
	return fmt.Sprintf("%.2f %%", *p)
}

func (t *trainer) writeReport() error {
	var b strings.Builder
	if err := pageTemplate.Execute(&b, t.page()); err != nil {
		panic("bug: " + err.Error())
	}
	return writeText(filepath.Join(t.opts.Dir, ReportFile), b.String())
}

func (t *trainer) page() page {
	p := page{Name: t.prog.Name, Target: t.opts.Target, Device: t.opts.Device, Epochs: t.history, Tiles: t.tiles()}
	p.Notes = append(slices.Clone(t.prog.Notes), Note{"Program", t.prog.Source})
	run := t.runRow()
	p.Settings = []tile{{"train.batch", fmt.Sprint(run.Batch)}, {"train.epochs", fmt.Sprint(run.Epochs)}, {"train.seed", fmt.Sprint(run.Seed)}}
	for _, name := range slices.Sorted(maps.Keys(run.Settings)) {
		p.Settings = append(p.Settings, tile{name, fmt.Sprint(run.Settings[name])})
	}
	layers := layersOf(t.main.plan)
	p.Top5 = len(t.history) > 0 && t.history[0].TestTop5 != nil
	for _, c := range []struct {
		title string
		of    func(*EpochRow) map[string]float64
	}{
		{"error, %", func(r *EpochRow) map[string]float64 { return pair(r.TrainError, r.TestError) }},
		{"top-5 error, %", func(r *EpochRow) map[string]float64 { return pair(r.TrainTop5, r.TestTop5) }},
		{"task loss", func(r *EpochRow) map[string]float64 { return pair(&r.TrainLoss, &r.TestLoss) }},
		{"forward losses in training", func(r *EpochRow) map[string]float64 { return r.ForwardLoss }},
		{"inverse losses in training", func(r *EpochRow) map[string]float64 { return r.InverseLoss }},
		{"measures", func(r *EpochRow) map[string]float64 { return r.Measures }},
	} {
		if lines := curves(t.history, c.of, layers); len(lines) > 0 {
			p.Charts = append(p.Charts, chart(c.title, lines))
		}
	}
	return p
}

func pair(train, test *float64) map[string]float64 {
	if train == nil || test == nil {
		return nil
	}
	return map[string]float64{"train": *train, "test": *test}
}

// tiles are the figures that the page begins with.
func (t *trainer) tiles() []tile {
	tiles := []tile{{"updates", fmt.Sprint(t.at.Step)}}
	if len(t.history) == 0 {
		return tiles
	}
	last, seconds := t.history[len(t.history)-1], 0.0
	for _, r := range t.history {
		seconds += r.Seconds
	}
	figures := []tile{{"test loss", fmt.Sprintf("%.4g", last.TestLoss)}, {"train loss", fmt.Sprintf("%.4g", last.TrainLoss)}}
	if last.TestError != nil {
		figures = []tile{{"test error", percent(last.TestError)}, {"train error", percent(last.TrainError)}, {"least test error", percent(&t.at.Best)}}
	}
	return append(append(figures, tiles...), tile{"epochs", fmt.Sprint(last.Epoch)}, tile{"seconds of training", fmt.Sprintf("%.1f", seconds)},
		tile{"samples a second", fmt.Sprintf("%.0f", last.SamplesPerSecond)})
}

// A curve has a point for each epoch that has a value.
type curve struct {
	name string
	x, y []float64
}

// layersOf names the layers that have weights, from the input up.
func layersOf(plan *kernel.Plan) (layers []string) {
	for _, b := range plan.Buffers {
		layer, _, _ := strings.Cut(b.Name, ".")
		if b.Kind == kernel.Weight && !slices.Contains(layers, layer) {
			layers = append(layers, layer)
		}
	}
	return layers
}

// curves collects the values of all epochs by name: those of layers, such as l1 and recon.l1, in the order of the layers.
func curves(rows []EpochRow, of func(*EpochRow) map[string]float64, layers []string) []curve {
	byName := map[string]*curve{}
	for i := range rows {
		for name, v := range of(&rows[i]) {
			c := byName[name]
			if c == nil {
				c = &curve{name: name}
				byName[name] = c
			}
			c.x, c.y = append(c.x, float64(rows[i].Epoch)), append(c.y, v)
		}
	}
	var list []curve
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		list = append(list, *byName[name])
	}
	slices.SortStableFunc(list, func(a, b curve) int {
		i, j := strings.LastIndex(a.name, ".")+1, strings.LastIndex(b.name, ".")+1
		return cmp.Or(cmp.Compare(a.name[:i], b.name[:j]), cmp.Compare(slices.Index(layers, a.name[i:]), slices.Index(layers, b.name[j:])))
	})
	return list
}
