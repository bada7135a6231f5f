package storetest

import (
	"testing"

	"loaxa/internal/central/store"
	"loaxa/internal/radio"
)

func brokerSuites() []Suite {
	return []Suite{{"who may use a broker", testBrokers}}
}

// testBrokers: a device is admitted by a certificate that holds, and what has ended is
// listed until it has expired too.
func testBrokers(t *testing.T, s *store.Store) {
	ctx := t.Context()
	plan := SamplePlan()
	dev := plan.Devices[0].ID
	must(t, s.ApplyPlan(ctx, plan))
	look := func(at radio.Millis, admitted []radio.DeviceID, ended ...string) {
		t.Helper()
		got, err := s.AdmittedDevices(ctx)
		must(t, err)
		same(t, "admitted", got, admitted)
		certs, err := s.EndedCertificates(ctx, at)
		must(t, err)
		var serials []string
		for _, c := range certs {
			if c.Device != dev || c.RevokedAt == 0 || c.NotAfter <= at {
				t.Errorf("listed as ended: %+v", c)
			}
			serials = append(serials, c.Serial)
		}
		same(t, "ended", serials, ended)
	}
	enrol := func(serial string, at, until radio.Millis) {
		t.Helper()
		must(t, s.AddEnrolmentCode(ctx, radio.EnrolmentCode{SecretHash: serial, Device: dev, CreatedBy: "a", CreatedAt: at, ExpiresAt: at + 1000}))
		must(t, s.Enrol(ctx, serial, radio.Certificate{Serial: serial, Device: dev, KID: serial, JWK: "{}", PEM: "p", IssuedAt: at, NotAfter: until}))
	}
	look(planAt, nil)
	enrol("2", planAt+1, planAt+100)
	look(planAt+2, []radio.DeviceID{dev})
	enrol("1", planAt+3, planAt+200)
	look(planAt+4, []radio.DeviceID{dev}, "2")
	enrol("3", planAt+5, planAt+300)
	look(planAt+6, []radio.DeviceID{dev}, "1", "2")
	look(planAt+100, []radio.DeviceID{dev}, "1")
	look(planAt+200, []radio.DeviceID{dev})
}
