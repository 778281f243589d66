package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Report is the outcome of a Workload. Times are in the unit that the field names.
type Report struct {
	Workload          string  `json:"workload"`
	Protocol          string  `json:"protocol"`
	Conns             int     `json:"conns"`
	Accounts          int     `json:"accounts"`
	ConnectSeconds    float64 `json:"connectSeconds"` // until the last had joined
	ConnectsPerSecond float64 `json:"connectsPerSecond"`

	Events              int64   `json:"events"`
	Deliveries          int64   `json:"deliveries"`
	Lost                int64   `json:"lost"`
	Doubled             int64   `json:"doubled"`
	Misrouted           int64   `json:"misrouted"`
	Cut                 int64   `json:"cut"`     // sockets that the server closed
	Seconds             float64 `json:"seconds"` // from the first update to the last delivery; of a storm until all are back
	DeliveriesPerSecond float64 `json:"deliveriesPerSecond"`
	FrameBytes          int64   `json:"frameBytes"` // mean payload of an event
	Latency             Latency `json:"latencyMs"`

	Server          *Usage  `json:"server,omitempty"` // nil: not measured
	Postgres        *Usage  `json:"postgres,omitempty"`
	Generator       float64 `json:"generatorCpuSeconds"` // our own, to see that it was not what was measured
	MeasuredSeconds float64 `json:"measuredSeconds"`     // the time in which these were taken
}

// Latency is from just before COMMIT is sent to the frame having been read, in milliseconds.
type Latency struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// Usage is what a server took: of the workload alone, so without the connecting, except of a storm.
type Usage struct {
	CPUSeconds    float64 `json:"cpuSeconds"`    // user and system
	CPUPerEvent   float64 `json:"cpuPerEventMs"` // milliseconds
	CPUPerMillion float64 `json:"cpuPerMillion"` // seconds a million deliveries
	CPUPerConn    float64 `json:"cpuPerConnUs"`  // microseconds, of a storm
	RSS           int64   `json:"rssBytes"`      // with all connected, after a rest
	PeakRSS       int64   `json:"peakRssBytes"`  // in its whole life
	RSSPerConn    float64 `json:"rssPerConnBytes"`
}

// Good reports whether everything arrived where it should, once.
func (r Report) Good() bool { return r.Lost == 0 && r.Doubled == 0 && r.Misrouted == 0 }

// Print writes a report for people.
func (r Report) Print(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(table, name+"\t"+format+"\n", args...) }
	row("sockets", "%d of %d accounts, %s", r.Conns, r.Accounts, r.Protocol)
	row("joined", "in %.2f s, %.0f a second", r.ConnectSeconds, r.ConnectsPerSecond)
	switch {
	case r.Events > 0:
		row("events", "%d in %.2f s", r.Events, r.Seconds)
		row("deliveries", "%d of %.0f bytes, %.0f a second", r.Deliveries, float64(r.FrameBytes), r.DeliveriesPerSecond)
		row("lost, doubled, misrouted", "%d, %d, %d", r.Lost, r.Doubled, r.Misrouted)
		l := r.Latency
		row("COMMIT to socket", "p50 %.2f ms, p90 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, max %.2f ms", l.P50, l.P90, l.P99, l.P999, l.Max)
	case r.Seconds > 0:
		row("all back", "in %.2f s", r.Seconds)
	}
	if r.Cut > 0 {
		row("cut by the server", "%d", r.Cut)
	}
	r.Server.print(row, "server", r.Events > 0)
	r.Postgres.print(row, "PostgreSQL", r.Events > 0)
	row("this generator", "%.2f s of CPU", r.Generator)
	return table.Flush()
}

func (u *Usage) print(row func(name, format string, args ...any), who string, events bool) {
	if u == nil {
		return
	}
	cpu := fmt.Sprintf("%.2f s", u.CPUSeconds)
	switch {
	case events:
		cpu += fmt.Sprintf(", %.3f ms an event, %.2f s a million deliveries", u.CPUPerEvent, u.CPUPerMillion)
	case u.CPUPerConn > 0:
		cpu += fmt.Sprintf(", %.0f µs a socket", u.CPUPerConn)
	}
	row(who+", CPU", "%s", cpu)
	if u.RSS > 0 {
		row(who+", memory", "%.1f MB, at most %.1f, %.1f kB a socket", float64(u.RSS)/1e6, float64(u.PeakRSS)/1e6, u.RSSPerConn/1e3)
	}
}
