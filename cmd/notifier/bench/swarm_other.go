//go:build !linux

package bench

import "net/url"

func newNetwork(s *swarm, address *url.URL) (network, error) { return newDialed(s, address), nil }
