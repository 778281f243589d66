package postgres

import (
	"net"
	"net/url"
	"strings"
)

// URL is a connection string for a role and a database of this server.
func (s *Server) URL(user, database string) string { return SocketURL(user, database, s.dir) }

// MultiURL is a connection string for whichever of the servers takes writes.
func MultiURL(user, database string, servers ...*Server) string {
	dirs := make([]string, len(servers))
	for i, server := range servers {
		dirs[i] = server.dir
	}
	return SocketURL(user, database, dirs...)
}

// SocketURL is a connection string through the Unix sockets in folders; with more than one of them,
// for whichever server takes writes.
func SocketURL(user, database string, dirs ...string) string {
	return connectionURL(user, database, url.Values{"host": {strings.Join(dirs, ",")}}, len(dirs))
}

// TCPURL is the same through TCP addresses, as a net.Addr spells them. Our servers have none: there is
// a proxy before each of them.
func TCPURL(user, database string, addresses ...string) (string, error) {
	hosts, ports := make([]string, len(addresses)), make([]string, len(addresses))
	for i, address := range addresses {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return "", err
		}
		hosts[i], ports[i] = host, port
	}
	return connectionURL(user, database, url.Values{
		"host": {strings.Join(hosts, ",")},
		"port": {strings.Join(ports, ",")},
		// On a Unix socket nobody asks for TLS; here a refused attempt would cost every connection a second one.
		"sslmode": {"disable"},
	}, len(addresses)), nil
}

func connectionURL(user, database string, parameters url.Values, hosts int) string {
	if hosts > 1 {
		parameters.Set("target_session_attrs", "read-write")
	}
	u := url.URL{Scheme: "postgres", User: url.User(user), Path: "/" + database, RawQuery: parameters.Encode()}
	return u.String()
}
