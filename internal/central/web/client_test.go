package web

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestClientAddress(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/64")}
	for name, c := range map[string]struct {
		remote    string
		forwarded []string
		proxies   []netip.Prefix
		want      string
	}{
		"straight":                         {"203.0.113.7:4711", nil, proxies, "203.0.113.7"},
		"a stranger's header":              {"203.0.113.7:4711", []string{"198.51.100.1"}, proxies, "203.0.113.7"},
		"no proxy is trusted":              {"127.0.0.1:4711", []string{"198.51.100.1"}, nil, "127.0.0.1"},
		"through the proxy":                {"127.0.0.1:4711", []string{"203.0.113.7"}, proxies, "203.0.113.7"},
		"the client wrote one before":      {"127.0.0.1:4711", []string{"1.2.3.4, 203.0.113.7"}, proxies, "203.0.113.7"},
		"in a header of its own":           {"127.0.0.1:4711", []string{"1.2.3.4", "203.0.113.7"}, proxies, "203.0.113.7"},
		"through two":                      {"127.0.0.1:4711", []string{"1.2.3.4, 203.0.113.7, 10.1.2.3"}, proxies, "203.0.113.7"},
		"only proxies":                     {"127.0.0.1:4711", []string{"10.1.2.3"}, proxies, "10.1.2.3"},
		"the proxy says nothing":           {"127.0.0.1:4711", nil, proxies, "127.0.0.1"},
		"the proxy says nonsense":          {"127.0.0.1:4711", []string{"203.0.113.7, unknown"}, proxies, "127.0.0.1"},
		"written as IPv6":                  {"[::ffff:127.0.0.1]:4711", []string{"::ffff:203.0.113.7"}, proxies, "203.0.113.7"},
		"an IPv6 client owns its /64":      {"[2001:db8:1:2:3:4:5:6]:4711", nil, proxies, "2001:db8:1:2::/64"},
		"an IPv6 proxy":                    {"[fd00::1]:4711", []string{"2001:db8:1:2:3:4:5:6"}, proxies, "2001:db8:1:2::/64"},
		"more proxies than anybody has":    {"127.0.0.1:4711", []string{strings.Repeat("127.0.0.1,", 100_000)}, proxies, "127.0.0.1"},
		"a chain of them, longer than any": {"127.0.0.1:4711", []string{"203.0.113.7" + strings.Repeat(",127.0.0.1", 20)}, proxies, "127.0.0.1"},
		"no address at all":                {"@", nil, proxies, "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/login", nil)
			r.RemoteAddr = c.remote
			for _, f := range c.forwarded {
				r.Header.Add("X-Forwarded-For", f)
			}
			s := &Server{Deps: Deps{Proxies: c.proxies}}
			if got := s.client(r); got != c.want {
				t.Errorf("client %s, want %s", got, c.want)
			}
		})
	}
}
