package central

import "testing"

func TestWhereNewDevicesFindTheCentre(t *testing.T) {
	for name, c := range map[string]struct {
		cfg   DevicesConfig
		media []string
		want  string
	}{
		"no keyring yet":        {DevicesConfig{Hosts: []string{"loa.example"}, Listen: ":8443"}, nil, "https://loa.example:8443"},
		"as the keyring says":   {DevicesConfig{Hosts: []string{"loa.example"}, Listen: ":8443"}, []string{"https://loa.example:443"}, "https://loa.example:443"},
		"media stand elsewhere": {DevicesConfig{Hosts: []string{"loa.example"}, Listen: ":8443"}, []string{"https://cdn.example:443"}, "https://loa.example:8443"},
		"the second of several": {DevicesConfig{Hosts: []string{"loa.example", "192.0.2.7"}, Listen: ":8443"}, []string{"https://cdn.example:443", "https://192.0.2.7:9443"}, "https://192.0.2.7:9443"},
		"an address of IPv6":    {DevicesConfig{Hosts: []string{"2001:db8::7"}, Listen: "[::]:8443"}, nil, "https://[2001:db8::7]:8443"},
	} {
		if got := c.cfg.server(c.media); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
