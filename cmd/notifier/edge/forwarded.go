package edge

import (
	"net/netip"
	"strings"
)

// maxHops bounds the way back through trusted proxies; nobody has so many.
const maxHops = 32

// client walks X-Forwarded-For from the nearest proxy to the client, over one header or several, for as long as who speaks is trusted. What a trusted
// one appends is the address that it saw; what lies before the first that is not trusted is hearsay. At what is no address (unknown, _hidden,
// garbage, nothing) the way ends, and the last who was trusted counts as the client.
func (p *Proxies) client(peer netip.AddrPort, lines []string) netip.AddrPort {
	hops := 0
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			var hop string
			more = strings.Contains(rest, ",")
			rest, hop = cutLast(rest)
			addr, ok := addrPort(hop)
			if !ok {
				return peer
			}
			peer = addr
			if hops++; hops == maxHops || !p.trusts(peer.Addr()) {
				return peer
			}
		}
	}
	return peer
}

// cutLast takes the last element off a list.
func cutLast(list string) (before, last string) {
	if i := strings.LastIndexByte(list, ','); i >= 0 {
		before, list = list[:i], list[i+1:]
	}
	return before, strings.Trim(list, " \t")
}

// addrPort reads an address as proxies write them: with or without a port, IPv6 with or without brackets. Without a port that is 0. A zone means nothing
// on another machine, and an IPv4 address inside of an IPv6 one is the former.
func addrPort(text string) (netip.AddrPort, bool) {
	if addr, err := netip.ParseAddrPort(text); err == nil {
		return plain(addr.Addr(), addr.Port()), true
	}
	if inner, bracketed := strings.CutPrefix(text, "["); bracketed {
		if inner, bracketed = strings.CutSuffix(inner, "]"); !bracketed || !strings.Contains(inner, ":") {
			return netip.AddrPort{}, false
		}
		text = inner
	}
	addr, err := netip.ParseAddr(text)
	return plain(addr, 0), err == nil
}

func plain(addr netip.Addr, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(addr.WithZone("").Unmap(), port)
}
