package edge

import (
	"errors"
	"fmt"
	"net/netip"
)

// Names that stand for networks in a list of trusted proxies.
var named = map[string][]netip.Prefix{
	"loopback": prefixes("127.0.0.0/8", "::1/128"),
	"private":  prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"), // RFC 1918, RFC 4193
}

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// CanonicalNetwork brings an address, a network as 10.0.0.0/8, "loopback" or "private" into the one form that Proxies takes. Its error continues a
// sentence that names the setting, and does not repeat the text.
func CanonicalNetwork(text string) (string, error) {
	if named[text] != nil {
		return text, nil
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		if addr.Zone() != "" {
			return "", errors.New("an address is given without a zone")
		}
		return addr.Unmap().String(), nil
	}
	network, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return "", errors.New("has something that is not an address, a network like 10.0.0.0/8, loopback or private")
	case network.Addr().Is4In6():
		return "", errors.New("a network of IPv4 addresses is written as 10.0.0.0/8")
	case network.Bits() == 0:
		return "", errors.New("a network of everybody lets anybody claim to come from anywhere: name the proxies")
	}
	return network.Masked().String(), nil
}

// networks is what such a list stands for.
func networks(list []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, item := range list {
		canonical, err := CanonicalNetwork(item)
		if err != nil {
			return nil, fmt.Errorf("read network %q: %w", item, err)
		}
		if group := named[canonical]; group != nil {
			all = append(all, group...)
			continue
		}
		if addr, err := netip.ParseAddr(canonical); err == nil {
			all = append(all, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		all = append(all, netip.MustParsePrefix(canonical))
	}
	return all, nil
}
