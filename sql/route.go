package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/stdlib"
)

// Routes is which changes raise which events.
type Routes struct {
	Statuses []Route       `json:"statuses"` // the clinic's, and those that only a route names
	Doctors  *DoctorsRoute `json:"doctors"`  // nil: a doctor's state raises nothing
	Unable   []string      `json:"unable"`   // the daemons that cannot read doctors' events, for which none is written while they are here
}

// Route is what happens when an appointment reaches a status.
type Route struct {
	Status         string `json:"status"`
	Event          string `json:"event"` // "": nothing
	ReleasesDoctor bool   `json:"releasesDoctor"`
	Known          bool   `json:"known"` // the clinic has this status
}

// DoctorsRoute is the trigger on the clinic's doctors.
type DoctorsRoute struct {
	Event string `json:"event"`
	Table string `json:"table"`
	State string `json:"state"` // as of a TriggerStatus
}

// The reserved names are those of the protocols' own events, and of our tests.
var (
	eventName     = regexp.MustCompile(`^[\p{L}\p{N}_.:-]{1,100}$`)
	reservedNames = []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener", "notifier.test"}
)

// ValidateEvent tells whether an event may have this name.
func ValidateEvent(name string) error {
	switch {
	case !eventName.MatchString(name) || len(name) > 100:
		return fmt.Errorf("%q cannot be the name of an event: up to 100 bytes of letters, digits and _ . : - may", name)
	case slices.Contains(reservedNames, name):
		return fmt.Errorf("%q cannot be the name of an event: it means something else to screens", name)
	}
	return nil
}

// Routes reads them. It takes no lock, and any role of notifier's may.
func (m *Migrator) Routes(ctx context.Context) (Routes, error) {
	db := stdlib.OpenDB(*m.connCfg)
	defer db.Close() //nolint:errcheck // read only
	if err := hasKinds(ctx, db); err != nil {
		return Routes{}, err
	}
	return readRoutes(ctx, db)
}

func hasKinds(ctx context.Context, db *sql.DB) error {
	var there bool
	if err := db.QueryRowContext(ctx, "SELECT to_regproc('notifier.unable') IS NOT NULL").Scan(&there); err != nil {
		return fmt.Errorf("look for an installation: %w", err)
	}
	if !there {
		return ErrNotInstalled
	}
	return nil
}

func readRoutes(ctx context.Context, db *sql.DB) (routes Routes, err error) {
	rows, err := db.QueryContext(ctx,
		"SELECT s.status, coalesce(s.event, ''), coalesce(s.releases_doctor, false), s.id IS NOT NULL FROM notifier.statuses() AS s")
	if err != nil {
		return routes, fmt.Errorf("read routes: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r Route
		if err := rows.Scan(&r.Status, &r.Event, &r.ReleasesDoctor, &r.Known); err != nil {
			return routes, fmt.Errorf("read routes: %w", err)
		}
		routes.Statuses = append(routes.Statuses, r)
	}
	if err := rows.Err(); err != nil {
		return routes, fmt.Errorf("read routes: %w", err)
	}
	if routes.Doctors, err = readDoctorsRoute(ctx, db); err != nil {
		return routes, err
	}
	routes.Unable, err = readUnable(ctx, db)
	return routes, err
}

func readUnable(ctx context.Context, db *sql.DB) (daemons []string, err error) {
	rows, err := db.QueryContext(ctx, "SELECT u FROM notifier.unable('doctor') AS u")
	if err != nil {
		return nil, fmt.Errorf("look for daemons: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	daemons = []string{}
	for rows.Next() {
		var daemon string
		if err := rows.Scan(&daemon); err != nil {
			return nil, fmt.Errorf("look for daemons: %w", err)
		}
		daemons = append(daemons, daemon)
	}
	return daemons, rows.Err()
}

// find is the route of a status, which may raise nothing; nil where neither the clinic nor a route names the status.
func (r Routes) find(status string) *Route {
	if i := slices.IndexFunc(r.Statuses, func(route Route) bool { return route.Status == status }); i >= 0 {
		return &r.Statuses[i]
	}
	return nil
}

// AddRoute lets a status raise an event, from the next change on. One that raises another already is refused: between
// taking that away and adding this, nothing would be raised.
func (m *Migrator) AddRoute(ctx context.Context, route Route) error {
	if err := ValidateEvent(route.Event); err != nil {
		return err
	}
	return m.routed(ctx, func(db *session, routes Routes) error {
		there := routes.find(route.Status)
		switch {
		case there == nil && db.listsStatuses(routes):
			return fmt.Errorf("the clinic has no status %q; it has %s", route.Status, statusNames(routes))
		case there != nil && there.Event == route.Event && there.ReleasesDoctor == route.ReleasesDoctor:
			return nil
		case there != nil && there.Event != "":
			return fmt.Errorf("%s raises %s already%s: remove that first; or change it in one step: "+
				"UPDATE notifier.route SET event = …, releases_doctor = … WHERE status = %s",
				route.Status, there.Event, there.releasing(), literal(route.Status))
		}
		_, err := db.db.ExecContext(ctx, "INSERT INTO notifier.route (status, event, releases_doctor) VALUES ($1, $2, $3)",
			route.Status, route.Event, route.ReleasesDoctor)
		if err != nil {
			return fmt.Errorf("add route: %w", err)
		}
		return nil
	})
}

func (r Route) releasing() string {
	if r.ReleasesDoctor {
		return " and releases the doctor"
	}
	return ""
}

// RemoveRoute lets a status raise nothing any more, and returns what it did raise.
func (m *Migrator) RemoveRoute(ctx context.Context, status string) (removed Route, err error) {
	err = m.routed(ctx, func(db *session, routes Routes) error {
		there := routes.find(status)
		if there == nil || there.Event == "" {
			return fmt.Errorf("%q raises nothing; what has a route: %s", status, strings.Join(routes.raising(), ", "))
		}
		if _, err := db.db.ExecContext(ctx, "DELETE FROM notifier.route WHERE status = $1", status); err != nil {
			return fmt.Errorf("remove route: %w", err)
		}
		removed = *there
		return nil
	})
	return removed, err
}

// routed does something to the routes while nobody else migrates.
func (m *Migrator) routed(ctx context.Context, f func(*session, Routes) error) error {
	return m.locked(ctx, func(db *session) error {
		if err := hasKinds(ctx, db.db); err != nil {
			return err
		}
		routes, err := readRoutes(ctx, db.db)
		if err != nil {
			return err
		}
		return f(db, routes)
	})
}

// listsStatuses: where the status is a plain text, nobody knows which there are.
func (s *session) listsStatuses(routes Routes) bool {
	return s.rendering.names.Tables["statuses"] != "" ||
		slices.ContainsFunc(routes.Statuses, func(r Route) bool { return r.Event == "" })
}

func statusNames(routes Routes) string {
	var known []string
	for _, r := range routes.Statuses {
		if r.Known {
			known = append(known, r.Status)
		}
	}
	return strings.Join(known, ", ")
}

func (r Routes) raising() []string {
	var all []string
	for _, route := range r.Statuses {
		if route.Event != "" {
			all = append(all, route.Status)
		}
	}
	return all
}
