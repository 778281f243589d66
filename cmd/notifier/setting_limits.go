package main

import "notifier/wsroom"

// limitSettings are how much the daemon takes from clients. 0 is no limit, but for the queue.
type limitSettings struct {
	maxConnections           int
	maxConnectionsPerAccount int
	maxConnectionsPerAddress int
	maxConnectsPerSecond     int
	maxQueueMessages         int
	maxQueueBytes            int
}

func (l *limitSettings) register(s *settings) {
	s.number(&l.maxConnections, "max-connections", "50000", "connections in all; 0: no limit", atLeast(0))
	s.number(&l.maxConnectionsPerAccount, "max-connections-per-account", "10000", "connections of one account; 0: no limit", atLeast(0))
	s.number(&l.maxConnectionsPerAddress, "max-connections-per-address", "1000", "connections from one client address (of IPv6, a /64); "+
		"without --trusted-proxies not for private addresses, which may be a proxy's; 0: no limit", atLeast(0))
	s.number(&l.maxConnectsPerSecond, "max-connects-per-second", "2000",
		"new connections per second, of which five seconds' worth may come at once; 0: no limit", atLeast(0))
	s.number(&l.maxQueueMessages, "max-queue-messages", "4096", "messages that may wait for a client who reads slowly", atLeast(1))
	s.number(&l.maxQueueBytes, "max-queue-bytes", "4194304", "bytes that may wait for a client who reads slowly", atLeast(64<<10))
}

// limits are those of the rooms. Without trusted proxies an address may be that of a proxy with everybody behind it.
func (s *serveSettings) limits() wsroom.Limits {
	return wsroom.Limits{
		Connections: s.maxConnections, PerAccount: s.maxConnectionsPerAccount, PerAddress: s.maxConnectionsPerAddress,
		PerSecond: s.maxConnectsPerSecond, SparePrivate: len(s.trustedProxies) == 0,
		QueueMessages: s.maxQueueMessages, QueueBytes: s.maxQueueBytes,
	}
}
