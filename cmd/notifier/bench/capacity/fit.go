package main

import (
	"errors"
	"math"
)

// point is one measurement, line what goes through several.
type (
	point struct{ x, y float64 }
	line  struct{ fixed, slope float64 }
)

func (l line) at(x float64) float64 { return l.fixed + l.slope*x }

var errNoLine = errors.New("a line needs two points with different x")

// fit is the line with the least squares.
func fit(points []point) (line, error) {
	var x, y float64
	for _, p := range points {
		x += p.x / float64(len(points))
		y += p.y / float64(len(points))
	}
	var together, apart float64
	for _, p := range points {
		together += (p.x - x) * (p.y - y)
		apart += (p.x - x) * (p.x - x)
	}
	if len(points) < 2 || apart == 0 || math.IsNaN(together) {
		return line{}, errNoLine
	}
	slope := together / apart
	return line{fixed: y - slope*x, slope: slope}, nil
}
