package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
)

// reloadable are the settings that SIGHUP changes; all others need a restart. The contents of --tls-cert, --tls-key and the keys of
// --jwks-url are read again, too.
var reloadable = map[string]bool{
	"jwt-secret": true, "jwt-previous-secret": true, "jwt-secret-overlap": true,
	"allowed-origins": true, "trusted-proxies": true, "log-level": true,
	"max-connections": true, "max-connections-per-account": true, "max-connections-per-address": true,
	"max-connects-per-second": true, "max-queue-messages": true, "max-queue-bytes": true,
}

// reloader takes settings anew while the daemon runs. No socket is dropped: what a client was let in by holds until it goes.
type reloader struct {
	daemon   *daemon
	settings *serveSettings // as they are in force
	level    *slog.LevelVar
	secrets  rotation
}

func newReloader(d *daemon, settings *serveSettings, level *slog.LevelVar) *reloader {
	return &reloader{daemon: d, settings: settings, level: level, secrets: rotation{configured: settings.secrets()}}
}

// run reloads at each hangup, and lets replaced secrets end, until ctx does.
func (r *reloader) run(ctx context.Context, hangup <-chan os.Signal) {
	for {
		end, stop := r.nextEnd()
		select {
		case <-ctx.Done():
			stop()
			return
		case <-hangup:
			r.reload(ctx)
		case <-end:
			r.retire(ctx)
		}
		stop()
	}
}

// nextEnd is when the next replaced secret ends.
func (r *reloader) nextEnd() (end <-chan time.Time, stop func() bool) {
	at, ok := r.secrets.next()
	if !ok {
		return nil, func() bool { return false }
	}
	timer := time.NewTimer(time.Until(at))
	return timer.C, timer.Stop
}

// reload reads the settings anew, and puts in force what can be. If anything is wrong with them, all stays as it was.
func (r *reloader) reload(ctx context.Context) {
	log := r.daemon.log
	fresh := r.settings.again()
	err := fresh.source.read()
	for _, oddity := range fresh.source.oddities() {
		log.LogAttrs(ctx, slog.LevelWarn, "env_file_odd", slog.String("detail", oddity))
	}
	changed, restart := []string{}, []string{}
	if err == nil {
		changed, restart = r.settings.differences(fresh)
		err = r.apply(fresh)
	}
	if err != nil {
		log.LogAttrs(ctx, slog.LevelWarn, "reload_failed", slog.String("error", err.Error()))
		return
	}
	r.settings = fresh
	log.LogAttrs(ctx, slog.LevelInfo, "reloaded", slog.Any("changed", changed), slog.Any("restart_needed", restart))
	if r.daemon.certificate != nil {
		r.daemon.certificate.Reload(ctx)
	}
	r.daemon.verifier.Advise(ctx)
	_ = r.daemon.verifier.Load(ctx) // it logs, and the keys that there are stay
}

// apply puts settings in force. Only the secrets can fail, and come first: the others were checked when they were read.
func (r *reloader) apply(fresh *serveSettings) error {
	d := r.daemon
	if len(fresh.secrets()) == 0 && d.settings.jwksURL == "" { // else the last one would stay good for ever
		return errors.New("take the secrets: none is left, and --jwks-url needs a restart")
	}
	secrets := r.secrets
	secrets.retired = append([]retiredSecret(nil), secrets.retired...)
	secrets.turn(fresh.secrets(), fresh.jwtOverlap, time.Now())
	if err := d.verifier.SetSecrets(secrets.good()); err != nil {
		return fmt.Errorf("take the secrets: %w", err)
	}
	r.secrets = secrets
	if err := d.origins.Set(fresh.allowedOrigins); err != nil {
		return fmt.Errorf("take --allowed-origins: %w", err)
	}
	if err := d.proxies.Set(fresh.trustedProxies); err != nil {
		return fmt.Errorf("take --trusted-proxies: %w", err)
	}
	d.hub.SetLimits(fresh.limits())
	r.level.Set(fresh.level)
	return nil
}

// retire ends replaced secrets whose time is over.
func (r *reloader) retire(ctx context.Context) {
	ended := r.secrets.expire(time.Now())
	if ended == 0 {
		return
	}
	if err := r.daemon.verifier.SetSecrets(r.secrets.good()); err != nil {
		r.daemon.log.LogAttrs(ctx, slog.LevelWarn, "reload_failed", slog.String("error", err.Error()))
		return
	}
	r.daemon.log.LogAttrs(ctx, slog.LevelInfo, "jwt_secret_ended", slog.Int("ended", ended), slog.Int("good", len(r.secrets.good())))
}

// again are settings of the same command line, to be read anew.
func (s *serveSettings) again() *serveSettings {
	fresh := new(serveSettings)
	fresh.register(&cobra.Command{})
	fresh.source.cmd = s.source.cmd
	for i, v := range s.source.list {
		fresh.source.list[i].given = v.given
	}
	return fresh
}

// differences names what fresh has otherwise: what can be put in force, and what cannot; of that fresh keeps what is in force, so that it is told
// again the next time.
func (s *serveSettings) differences(fresh *serveSettings) (changed, restart []string) {
	changed, restart = []string{}, []string{}
	for i, old := range s.source.list {
		v := fresh.source.list[i]
		switch {
		case v.text == old.text:
		case reloadable[v.name]:
			changed = append(changed, v.name)
		default:
			restart = append(restart, v.name)
			v.text = old.text
		}
	}
	return changed, restart
}
