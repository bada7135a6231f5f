package inbox

import (
	"fmt"
	"slices"
	"testing"

	"loaxa/internal/trust"
	"loaxa/internal/wire"
)

// A keyring that sends everybody to nowhere does not lose the device: where the centre was
// before is tried behind it, also after a restart and after the next mistake.
func TestEndpointsBefore(t *testing.T) {
	l := newLab(t)
	move := func(version int64, host string) {
		t.Helper()
		k := trust.Keyring{Version: version, Province: province, Endpoints: trust.Endpoints{
			Brokers: []string{"mqtts://" + host + ":8883"}, Media: []string{"https://" + host + ":8443"}}}
		if err := l.take(t, wire.Keys, must(trust.SignKeyring(k, l.root))); err != nil {
			t.Fatal(err)
		}
	}
	want := func(hosts ...string) {
		t.Helper()
		var e trust.Endpoints
		for _, h := range hosts {
			e.Brokers, e.Media = append(e.Brokers, "mqtts://"+h+":8883"), append(e.Media, "https://"+h+":8443")
		}
		got := l.Endpoints()
		if !slices.Equal(got.Brokers, e.Brokers) || len(got.Media) < len(e.Media) || !slices.Equal(got.Media[:len(e.Media)], e.Media) {
			t.Errorf("%v, want %v", got, e)
		}
	}
	move(2, "cu.example")
	move(3, "sai.example")
	want("sai.example", "cu.example")
	l.restart(t)
	want("sai.example", "cu.example")
	move(4, "sai-nua.example")
	want("sai-nua.example", "sai.example", "cu.example")
	move(5, "cu.example") // put right
	want("cu.example", "sai-nua.example", "sai.example")
	for i := range 20 {
		move(int64(6+i), fmt.Sprintf("h%d.example", i))
	}
	if n := len(l.Endpoints().Brokers); n != 1+maxSpare {
		t.Errorf("%d addresses are tried", n)
	}
}
