package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"loaxa/internal/radio"
)

// maxHops bounds how many proxies are believed to stand before the centre.
const maxHops = 16

// client is who a request comes from, for counting: an IPv6 client owns a whole /64, which
// counts as one.
func (s *Server) client(r *http.Request) string {
	addr := s.address(r)
	if !addr.IsValid() {
		return "unknown"
	}
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}

// from is where the audit says that a request came from.
func (s *Server) from(r *http.Request) radio.Source {
	o := radio.Source{Via: radio.ViaWeb, Address: "unknown"}
	if strings.HasPrefix(r.URL.Path, "/api/") {
		o.Via = radio.ViaAPI
	}
	if addr := s.address(r); addr.IsValid() {
		o.Address = addr.String()
	}
	return o
}

// address is where a request comes from; not valid when nobody can tell. X-Forwarded-For is
// read only when it comes from a proxy that the configuration trusts, and from its right
// end: what stands left of the first address that is no such proxy, anybody may have
// written.
func (s *Server) address(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
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
	return addr
}

func (s *Server) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(s.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}
