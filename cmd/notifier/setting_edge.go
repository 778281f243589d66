package main

import (
	"notifier/cmd/notifier/edge"
)

// edgeSettings are what stands between the network and the handlers.
type edgeSettings struct {
	trustedProxies  []string // as edge.NewProxies takes them
	tlsCert, tlsKey string   // both or none
	maxHandshakes   int      // 0: no limit
}

func (s *edgeSettings) register(source *settings) {
	source.items(&s.trustedProxies, "trusted-proxies", "addresses and networks of proxies whose X-Forwarded-For counts, as 10.1.2.3 or 10.1.0.0/16; "+
		"loopback and private stand for all of those", edge.CanonicalNetwork)
	cert := source.text(&s.tlsCert, "tls-cert", "", "PEM file with the certificate and its chain, for TLS on the public address; read again when it changes")
	key := source.text(&s.tlsKey, "tls-key", "", "PEM file with the certificate's key")
	source.needBoth = append(source.needBoth, [2]*setting{cert, key})
	source.number(&s.maxHandshakes, "max-handshakes", "4096",
		"connections that have not sent a request, or none since the last one; the oldest goes when more come; 0: no limit", atLeast(0))
}
