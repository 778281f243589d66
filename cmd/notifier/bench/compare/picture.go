package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"html"
	"math"
	"os"
	"text/template"

	"notifier/cmd/notifier/bench/rig"
)

//go:embed picture.svg.tmpl
var pictureSVG string

var pictureTemplate = template.Must(template.New("picture").Funcs(template.FuncMap{
	"esc":  html.EscapeString,
	"plus": func(a, b float64) float64 { return a + b },
	"less": func(a, b float64) float64 { return a - b },
}).Parse(pictureSVG))

// The layout, in pixels: two columns of panels, each with names, a plot and values.
const (
	pictureWidth = 940.0
	panelsTop    = 88.0
	columnWidth  = 460.0
	plotLeft     = 124.0 // within a panel
	plotWidth    = 190.0
	barStep      = 18.0
	lineHeight   = 17.0
)

// picture is the data of the template. A panel's places are relative to the panel.
type picture struct {
	Width, Height float64
	TargetX       float64 // of the legend
	Panels        []panel
	Notes         []note
}

type panel struct {
	X, Y                  float64
	Workload, Name, Floor string
	Foot, ValueX          float64
	Grid                  []gridLine
	Bars                  []bar
}

type gridLine struct {
	X     float64
	Label string
	One   bool // the floor
}

type bar struct {
	X, Y, Length float64
	Class        string // the contender
	Title, Value string
	Target       float64 // 0: none
}

type note struct {
	Y    float64
	Text string
}

// draw writes the medians as a picture.
func (r results) draw(path string) error {
	var svg bytes.Buffer
	if err := pictureTemplate.Execute(&svg, r.picture()); err != nil {
		return fmt.Errorf("draw the picture: %w", err)
	}
	if err := os.WriteFile(path, svg.Bytes(), 0o644); err != nil { //nolint:gosec // for everybody
		return fmt.Errorf("write the picture: %w", err)
	}
	return nil
}

func (r results) picture() picture {
	p := picture{Width: pictureWidth, TargetX: pictureWidth - 70}
	scale := r.scale()
	y, rowHeight := panelsTop, 0.0
	for i, f := range r.figures() {
		panel := r.panel(f, scale)
		panel.X, panel.Y = 20, y
		if i%2 == 1 {
			panel.X += columnWidth
		}
		rowHeight = max(rowHeight, panel.Foot+36)
		p.Panels = append(p.Panels, panel)
		if i%2 == 1 {
			y, rowHeight = y+rowHeight, 0
		}
	}
	y += rowHeight
	for _, text := range r.notes() {
		p.Notes = append(p.Notes, note{y, text})
		y += lineHeight
	}
	p.Height = y
	return p
}

// notes are the foot of the picture.
func (r results) notes() (texts []string) {
	for _, w := range workloads(false) {
		texts = append(texts, w.Name+": "+titles[w.Name])
	}
	texts = append(texts, fmt.Sprintf("Processor time and memory of the server process. Medians of %d; load, servers and PostgreSQL on one machine.", r.Rounds))
	return append(texts, r.title())
}

// logScale places ratios: all panels have the same one.
type logScale struct{ from, to float64 } // powers of two

// scale has room for all ratios.
func (r results) scale() logScale {
	s := logScale{-1, 2}
	for _, f := range r.figures() {
		floor := r.value(bareFloor, f)
		for _, c := range r.contenders() {
			power := math.Log2(r.value(c.name, f) / floor)
			if math.IsNaN(power) || math.IsInf(power, 0) {
				continue
			}
			s.from, s.to = min(s.from, math.Floor(power)), max(s.to, math.Ceil(power))
		}
	}
	return s
}

func (s logScale) at(ratio float64) float64 {
	power := min(max(math.Log2(ratio), s.from), s.to)
	return math.Round(10*(plotLeft+plotWidth*(power-s.from)/(s.to-s.from))) / 10
}

func (r results) panel(f figure, scale logScale) panel {
	floor := r.value(bareFloor, f)
	p := panel{Workload: f.workload, Name: f.name, ValueX: plotLeft + plotWidth + 10}
	p.Floor = "floor " + rig.Number(floor) + " " + f.unit
	y := 13.0
	for _, c := range r.contenders() {
		if c.name == bareFloor {
			continue
		}
		value := r.value(c.name, f)
		b := bar{Y: y, X: scale.at(1), Class: c.name, Title: c.title, Value: rig.Number(value) + " " + f.unit + " · " + rig.Number(value/floor) + "×"}
		if end := scale.at(value / floor); !math.IsNaN(end) {
			b.X, b.Length = min(b.X, end), math.Round(10*math.Abs(end-b.X))/10
		}
		if limit := f.limit(c.name, floor); !math.IsNaN(limit) && floor > 0 {
			b.Target = scale.at(limit / floor)
		}
		p.Bars = append(p.Bars, b)
		y += barStep
	}
	p.Foot = y
	for power := scale.from; power <= scale.to; power++ {
		p.Grid = append(p.Grid, gridLine{scale.at(math.Exp2(power)), powerOfTwo(power), power == 0})
	}
	return p
}

func powerOfTwo(power float64) string {
	if power < 0 {
		return "1/" + rig.Number(math.Exp2(-power))
	}
	return rig.Number(math.Exp2(power))
}
