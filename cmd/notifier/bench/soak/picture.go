package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"html"
	"math"
	"os"
	"strconv"
	"strings"
	"text/template"
)

//go:embed picture.svg.tmpl
var pictureSVG string

var pictureTemplate = template.Must(template.New("picture").Funcs(template.FuncMap{
	"esc":  html.EscapeString,
	"less": func(a, b int) int { return a - b },
}).Parse(pictureSVG))

// The layout, in pixels: panels one below the other, with the same axis of time.
const (
	pictureWidth = 940
	panelsTop    = 92
	panelStep    = 150
	plotLeft     = 70
	plotWidth    = 840
	plotHeight   = 100
	lineHeight   = 16
)

// picture is the data of the template. A panel's places are relative to the panel.
type picture struct {
	Width, Height   int
	Title, Subtitle string
	Left, Right     int
	Panels          []panel
	Marks           []place // of faults, in all panels
	Notes           []place
}

type panel struct {
	Y, Foot int
	Name    string
	Grid    []place // values
	Times   []place // minutes
	Lines   []line
}

type line struct {
	Class string
	Path  string
}

type place struct {
	X, Y float64
	Text string
}

// series is one line of a panel; a value that is NaN is a gap.
type series struct {
	class string
	of    func(s sample) float64
}

func goroutines(v vitals) float64 { return float64(v.Goroutines) }

// draw writes what was measured as a picture.
func (r *results) draw(path string) error {
	var svg bytes.Buffer
	if err := pictureTemplate.Execute(&svg, r.picture()); err != nil {
		return fmt.Errorf("draw the picture: %w", err)
	}
	if err := os.WriteFile(path, svg.Bytes(), 0o644); err != nil { //nolint:gosec // for everybody
		return fmt.Errorf("write the picture: %w", err)
	}
	return nil
}

// ofDaemon is a quantity of a daemon, with gaps where it was not up.
func ofDaemon(i int, of func(v vitals) float64) func(s sample) float64 {
	return func(s sample) float64 {
		if v := s.Daemons[i]; v.Up {
			return of(v)
		}
		return math.NaN()
	}
}

func (r *results) picture() picture {
	o, f := r.Options, r.Findings
	p := picture{Width: pictureWidth, Left: plotLeft, Right: plotLeft + plotWidth}
	p.Title = fmt.Sprintf("A soak of %s: %d sockets that come and go, %g events a second, a fault every %s", o.For, o.Conns, o.Rate, o.FaultEvery)
	p.Subtitle = fmt.Sprintf("%d deliveries: %d lost, %d doubled, %d out of order, %d of another account.",
		r.Count.Deliveries, f.Lost, f.Doubled, f.Disordered, f.Misrouted)
	p.Panels = r.panels()
	foot := panelsTop + len(p.Panels)*panelStep
	for i, fault := range faults {
		p.Notes = append(p.Notes, place{X: 20 + float64(i%2)*450, Y: float64(foot + i/2*lineHeight), Text: fmt.Sprintf("%d  %s", i+1, fault.name)})
	}
	foot += (len(faults)+1)/2*lineHeight + lineHeight/2
	p.Notes = append(p.Notes, place{X: 20, Y: float64(foot), Text: r.title()})
	p.Height = foot + lineHeight
	last := p.Panels[len(p.Panels)-1]
	end := last.Y + last.Foot
	for _, m := range r.Marks {
		p.Marks = append(p.Marks, place{X: r.x(m.At), Y: float64(end), Text: strconv.Itoa(m.Fault + 1)})
	}
	return p
}

func (r *results) panels() (panels []panel) {
	both := func(of func(v vitals) float64) []series {
		return []series{{"second", ofDaemon(1, of)}, {"first", ofDaemon(0, of)}}
	}
	for i, what := range []struct {
		name  string
		lines []series
	}{
		{"Memory (RSS; thin: heap in use), MB", append([]series{
			{"second thin", ofDaemon(1, quantities[1].of)}, {"first thin", ofDaemon(0, quantities[1].of)},
		}, both(quantities[0].of)...)},
		{"Goroutines", both(goroutines)},
		{"Sockets that are joined", []series{{"all", func(s sample) float64 { return float64(s.Joined) }}}},
		{"What waits: changes to be numbered, and releases", both(func(v vitals) float64 { return float64(v.Staging + v.Effects) })},
	} {
		panel := r.panel(what.name, what.lines)
		panel.Y = panelsTop + i*panelStep
		panels = append(panels, panel)
	}
	return panels
}

func (r *results) panel(name string, lines []series) panel {
	top := 0.0
	for _, line := range lines {
		for _, s := range r.Samples {
			if v := line.of(s); v > top {
				top = v
			}
		}
	}
	step := gridStep(top)
	top = max(math.Ceil(top/step)*step, step)
	p := panel{Name: name, Foot: plotHeight + 10}
	y := func(v float64) float64 { return tenth(float64(p.Foot) - plotHeight*v/top) }
	for v := 0.0; v <= top; v += step {
		p.Grid = append(p.Grid, place{Y: y(v), Text: strconv.FormatFloat(v, 'f', -1, 64)})
	}
	for _, minute := range r.minutes() {
		p.Times = append(p.Times, place{X: r.x(minute * 60), Y: float64(p.Foot + 12), Text: strconv.FormatFloat(minute, 'f', -1, 64)})
	}
	for _, series := range lines {
		p.Lines = append(p.Lines, line{series.class, r.path(series, y)})
	}
	return p
}

// path goes from sample to sample, and begins anew after a gap.
func (r *results) path(line series, y func(v float64) float64) string {
	var path strings.Builder
	verb := "M"
	for _, s := range r.Samples {
		v := line.of(s)
		if math.IsNaN(v) {
			verb = "M"
			continue
		}
		fmt.Fprintf(&path, "%s%g %g", verb, r.x(s.At), y(v))
		verb = "L"
	}
	return path.String()
}

// end is where the axis of time ends.
func (r *results) end() float64 {
	end := max(r.Seconds, 1)
	if n := len(r.Samples); n > 0 {
		end = max(end, r.Samples[n-1].At)
	}
	return end
}

func (r *results) x(seconds float64) float64 { return tenth(plotLeft + plotWidth*seconds/r.end()) }

// minutes are those with a name on the axis of time.
func (r *results) minutes() (minutes []float64) {
	step := gridStep(r.end() / 60)
	for minute := 0.0; minute <= r.end()/60; minute += step {
		minutes = append(minutes, minute)
	}
	return minutes
}

func tenth(v float64) float64 { return math.Round(10*v) / 10 }

// gridStep is a round number of which two to five fit into v.
func gridStep(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, step := range []float64{0.2, 0.5, 1} {
		if v/(step*power) <= 5 {
			return step * power
		}
	}
	return 2 * power
}
