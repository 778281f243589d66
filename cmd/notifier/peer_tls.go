package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// peerIDLength is how long a daemon's id is: 40 random bits, enough for the few that run at one time. It is in every id of a session.
const peerIDLength = 8

// errStranger is the answer to a certificate that no daemon has listed.
var errStranger = errors.New("the certificate is not a daemon's")

// peerIdentity is what a daemon is to the others: an id and a certificate, both made at its start and gone at its end. There is no authority, because
// a certificate is compared with the one that its daemon has listed in the database.
type peerIdentity struct {
	id          string
	certificate tls.Certificate
}

// newPeerIdentity makes one. A certificate that is compared needs no time limit; and a host that does not know the time must not be locked out.
func newPeerIdentity(id string) (peerIdentity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return peerIdentity{}, fmt.Errorf("make key for peers: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{id},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return peerIdentity{}, fmt.Errorf("make certificate for peers: %w", err)
	}
	return peerIdentity{id, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}, nil
}

// newDaemonID makes the id of a daemon.
func newDaemonID() string { return strings.ToLower(rand.Text()[:peerIDLength]) }

// serverTLS lets in who has the key of a certificate that is listed.
func (i peerIdentity) serverTLS(lists func(ctx context.Context, certificate []byte) bool) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{i.certificate}, NextProtos: []string{"h2"},
		ClientAuth: tls.RequireAnyClientCert, SessionTicketsDisabled: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			ctx, cancel := context.WithTimeoutCause(context.Background(), peerPatience, errPeerTimeout)
			defer cancel()
			if len(state.PeerCertificates) == 0 || !lists(ctx, state.PeerCertificates[0].Raw) {
				return errStranger
			}
			return nil
		},
	}
}

// clientTLS trusts this one certificate.
func (i peerIdentity) clientTLS(id string, certificate []byte) (*tls.Config, error) {
	theirs, err := x509.ParseCertificate(certificate)
	if err != nil {
		return nil, fmt.Errorf("read a peer's certificate: %w", err)
	}
	pinned := x509.NewCertPool()
	pinned.AddCert(theirs)
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{i.certificate}, NextProtos: []string{"h2"},
		RootCAs: pinned, ServerName: id,
	}, nil
}
