package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"

	"notifier/cmd/notifier/edge"
)

// prepareEdge makes what stands before the handlers, and says what is wrong with the certificate before anything is opened.
func (d *daemon) prepareEdge() (err error) {
	s := d.settings
	if allowed, known := edge.FileLimit(); known {
		d.warnOfFileLimit(allowed)
	}
	if d.proxies, err = edge.NewProxies(s.trustedProxies, d.log); err != nil {
		return err
	}
	if s.tlsCert == "" {
		return nil
	}
	if d.certificate, err = edge.LoadCertificate(s.tlsCert, s.tlsKey, d.log); err != nil {
		return err
	}
	d.metrics.watchCertificate(d.certificate.NotAfter)
	return nil
}

// secured speaks TLS on an address if there is a certificate.
func (d *daemon) secured(listener net.Listener) net.Listener {
	if d.certificate == nil {
		return listener
	}
	return tls.NewListener(listener, d.certificate.Config())
}

// spareFiles is what the daemon needs beside its clients: the database, its peers, operators.
const spareFiles = 200

// warnOfFileLimit: who may not open as many files as there may be connections finds that out under load, when accept fails.
func (d *daemon) warnOfFileLimit(allowed uint64) {
	s := d.settings
	needed := uint64(s.maxConnections) + uint64(s.maxHandshakes) + spareFiles //nolint:gosec // neither is negative
	if s.maxConnections > 0 && allowed < needed {
		d.log.LogAttrs(context.Background(), slog.LevelWarn, "file_limit_low", slog.Uint64("files", allowed), slog.Uint64("needed", needed))
	}
}
