package main

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"
)

//go:embed releases.sql
var releasesSQL string

// judgeReleases compares the doctors' releases with the finalisations that asked for them.
func (v *verdict) judgeReleases(ctx context.Context, conn *pgx.Conn) error {
	var unasked, unequal, serving, needless, kept int
	err := conn.QueryRow(ctx, releasesSQL).Scan(&v.released, &v.guarded, &unasked, &unequal, &serving, &needless, &kept)
	if err != nil {
		return fmt.Errorf("read the releases: %w", err)
	}
	v.count(unasked, "finalisations asked for no release")
	v.count(unequal, "doctors were released more or less often than the log says")
	v.count(serving, "doctors were released while they served")
	v.count(needless, "releases were said to be needless of doctors who were busy")
	v.count(kept, "doctors were never released")
	if v.released == 0 {
		v.fault("nobody was released")
	}
	return nil
}

//go:embed waiting.sql
var waitingSQL string

// noneWaits is an error while rows wait to be numbered, or effects to be settled whose doctor does not serve.
func noneWaits(ctx context.Context, conn *pgx.Conn) error {
	var staged, effects int
	err := conn.QueryRow(ctx, waitingSQL).Scan(&staged, &effects)
	switch {
	case err != nil:
		return err
	case staged > 0 || effects > 0:
		return fmt.Errorf("%d changes wait to be numbered, %d releases to be settled", staged, effects)
	}
	return nil
}
