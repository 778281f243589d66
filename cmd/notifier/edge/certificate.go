package edge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// lookInterval is how often the files are compared. Contents are, and by their paths: Kubernetes swaps a link to a folder, and the times of files lie.
const lookInterval = 10 * time.Second

// Certificate is a certificate with its key, in two PEM files that are replaced while the daemon runs. New handshakes have the new one; connections
// that are open keep what they began with.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]

	mu     sync.Mutex // of looking
	loaded [sha256.Size]byte
	broken string // what was last found instead, as an error
	told   bool   // and that was said
}

// LoadCertificate reads the files; nothing runs yet.
func LoadCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log}
	pair, sum, err := c.read()
	if err != nil {
		return nil, err
	}
	c.take(context.Background(), pair, sum)
	return c, nil
}

// Config is for a listener.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current.Load(), nil
		},
	}
}

// NotAfter is when the certificate ends.
func (c *Certificate) NotAfter() time.Time { return c.current.Load().Leaf.NotAfter }

// Run looks at the files until ctx ends. It returns nil.
func (c *Certificate) Run(ctx context.Context) error {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			c.look(ctx, false)
		}
	}
}

// Reload looks at the files now.
func (c *Certificate) Reload(ctx context.Context) { c.look(ctx, true) }

// look takes a new pair that is good. One that is not may be half of two that are being replaced: that is said when it is still so the next time, or
// at once if somebody has asked, and not again before it is another.
func (c *Certificate) look(ctx context.Context, asked bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	pair, sum, err := c.read()
	if err != nil {
		again := c.broken == err.Error()
		if !again {
			c.broken, c.told = err.Error(), false
		}
		if (again || asked) && !c.told {
			c.told = true
			c.log.LogAttrs(ctx, slog.LevelWarn, "tls_reload_failed", slog.Any("error", err))
		}
		return
	}
	c.broken, c.told = "", false
	if sum == c.loaded {
		return
	}
	c.take(ctx, pair, sum)
	c.log.LogAttrs(ctx, slog.LevelInfo, "tls_reloaded", slog.Time("not_after", pair.Leaf.NotAfter))
}

// take is for the first pair and all others.
func (c *Certificate) take(ctx context.Context, pair *tls.Certificate, sum [sha256.Size]byte) {
	c.current.Store(pair)
	c.loaded = sum
	if now := time.Now(); now.Before(pair.Leaf.NotBefore) || now.After(pair.Leaf.NotAfter) {
		c.log.LogAttrs(ctx, slog.LevelWarn, "tls_not_valid",
			slog.Time("not_before", pair.Leaf.NotBefore), slog.Time("not_after", pair.Leaf.NotAfter))
	}
}

// read never puts anything of the key into an error.
func (c *Certificate) read() (*tls.Certificate, [sha256.Size]byte, error) {
	var sum [sha256.Size]byte
	certPEM, err := os.ReadFile(c.certFile)
	if err != nil {
		return nil, sum, fmt.Errorf("read the certificate (--tls-cert): %w", err)
	}
	keyPEM, err := os.ReadFile(c.keyFile)
	if err != nil {
		return nil, sum, fmt.Errorf("read its key (--tls-key): %w", err)
	}
	if bytes.Contains(certPEM, []byte("PRIVATE KEY-----")) && !bytes.Contains(certPEM, []byte("CERTIFICATE-----")) {
		return nil, sum, errors.New("read the certificate (--tls-cert): this is a private key; are the two files swapped?")
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, sum, fmt.Errorf("join the certificate (--tls-cert) and its key (--tls-key): %w", err)
	}
	return &pair, sha256.Sum256(bytes.Join([][]byte{certPEM, keyPEM}, []byte{0})), nil
}
