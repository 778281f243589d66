package wsroom

import (
	"encoding/binary"
	"net/http"
	"net/netip"
)

// ClientAddr is the address of a request's client, as whoever stands before the handlers has found it to be. It is not valid on what is not a network of
// the Internet's, and its port is 0 if that is not known.
func ClientAddr(r *http.Request) netip.AddrPort {
	if addr, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	}
	addr, _ := netip.ParseAddr(r.RemoteAddr) // not valid, if it is none
	return netip.AddrPortFrom(addr.Unmap(), 0)
}

// AddrString is for the log: "" for an address that is not valid.
func AddrString(addr netip.AddrPort) string {
	switch {
	case !addr.IsValid():
		return ""
	case addr.Port() == 0:
		return addr.Addr().String()
	}
	return addr.String()
}

// addressKey is what connections are counted by: the address, of IPv6 the first half. That of IPv4 is one that no IPv6 address begins with (::ffff:0:0/96
// is for such mappings, but in the second half).
func addressKey(addr netip.Addr) uint64 {
	if addr.Is4() {
		four := addr.As4()
		return 0xffff<<32 | uint64(binary.BigEndian.Uint32(four[:]))
	}
	sixteen := addr.As16()
	return binary.BigEndian.Uint64(sixteen[:8])
}

// carrierGrade is what providers number their customers with, inside their own networks (RFC 6598).
var carrierGrade = netip.MustParsePrefix("100.64.0.0/10")

// private reports whether an address is of somebody's own network, and so may be a proxy's.
func private(addr netip.Addr) bool {
	return addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || carrierGrade.Contains(addr)
}
