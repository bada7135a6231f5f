package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops bounds how many proxies are believed to stand before the centre.
const maxHops = 16

// client is the address a request comes from. X-Forwarded-For is read only when it comes
// from a proxy that the configuration trusts, and from its right end: what stands left of
// the first address that is no such proxy, anybody may have written. An IPv6 client owns a
// whole /64, which counts as one.
func (s *Server) client(r *http.Request) string {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return "unknown"
	}
	addr := at.Addr().Unmap().WithZone("")
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := 0; i < maxHops && len(hops) > 0 && s.trusts(addr); i++ {
		last := len(hops) - 1
		before, err := netip.ParseAddr(strings.TrimSpace(hops[last]))
		if err != nil {
			break
		}
		addr, hops = before.Unmap().WithZone(""), hops[:last]
	}
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}

func (s *Server) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(s.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}
