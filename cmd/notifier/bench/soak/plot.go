package main

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// The size of a plot in characters.
const (
	plotColumns = 72
	plotRows    = 8
)

// plot draws memory and goroutines of the daemon that lives through everything, and the sockets.
func (r *results) plot(out io.Writer) {
	for _, what := range []struct {
		name string
		of   func(s sample) float64
	}{
		{"first daemon, RSS in MB", ofDaemon(0, quantities[0].of)},
		{"first daemon, goroutines", ofDaemon(0, goroutines)},
		{"sockets", func(s sample) float64 { return float64(s.Joined) }},
	} {
		fmt.Fprintf(out, "\n%s\n", what.name)
		columns := r.columns(what.of)
		for _, row := range rows(columns) {
			fmt.Fprintln(out, row)
		}
		fmt.Fprintf(out, "%8s└%s\n%8s 0%*.1f min\n%8s %s\n", "", strings.Repeat("─", plotColumns), "", plotColumns-1, r.end()/60, "", r.faultMarks())
	}
}

// column is where in a plot a time is.
func (r *results) column(at float64) int { return min(int(at/r.end()*plotColumns), plotColumns-1) }

// columns are medians; NaN where there is nothing.
func (r *results) columns(of func(s sample) float64) []float64 {
	values := make([][]float64, plotColumns)
	for _, s := range r.Samples {
		if v := of(s); !math.IsNaN(v) {
			c := r.column(s.At)
			values[c] = append(values[c], v)
		}
	}
	columns := make([]float64, plotColumns)
	for i := range columns {
		columns[i] = median(values[i])
	}
	return columns
}

// rows are the lines of a plot, from the top, each with the value that it begins at.
func rows(columns []float64) (lines []string) {
	top := 0.0
	for _, v := range columns {
		if v > top {
			top = v
		}
	}
	top = max(top, 1)
	for row := plotRows - 1; row >= 0; row-- {
		var line strings.Builder
		fmt.Fprintf(&line, "%7.0f │", top*float64(row)/plotRows)
		for _, v := range columns {
			eighths := int(math.Round((v/top*plotRows - float64(row)) * 8))
			switch {
			case math.IsNaN(v) || eighths <= 0:
				line.WriteByte(' ')
			default:
				line.WriteRune([]rune("▁▂▃▄▅▆▇█")[min(eighths, 8)-1])
			}
		}
		lines = append(lines, strings.TrimRight(line.String(), " "))
	}
	return lines
}

// faultMarks is a line with a mark at each fault.
func (r *results) faultMarks() string {
	marks := []byte(strings.Repeat(" ", plotColumns))
	for _, m := range r.Marks {
		marks[r.column(m.At)] = '^'
	}
	return strings.TrimRight(string(marks), " ")
}
