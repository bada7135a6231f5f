package e2e

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

// order orders something and waits for the last word of every device.
func (h *house) order(path string, body map[string]any, want radio.ReceiptState) radio.CommandBatch {
	h.t.Helper()
	var b radio.CommandBatch
	h.post(path, body, &b)
	var got struct {
		Results []radio.CommandResult `json:"results"`
	}
	h.eventually(15*time.Second, "an end of "+string(b.Do), func() bool {
		h.get("/api/v1/commands/"+string(b.ID), &got)
		for _, r := range got.Results {
			if !r.State.Final() {
				return false
			}
		}
		return len(got.Results) == b.Devices
	})
	for _, r := range got.Results {
		if r.State != want {
			h.t.Errorf("%s on %s: %s %s, want %s", b.Do, r.Code, r.State, r.Reason, want)
		}
	}
	return b
}

// loudness gives the level of each tenth of a second of a recording, in dB below the
// loudest.
func loudness(pcm []int16) []float64 {
	const step = radio.SampleRate / 10
	var out []float64
	most := 1.0
	for i := 0; i+step <= len(pcm); i += step {
		var sum float64
		for _, v := range pcm[i : i+step] {
			sum += float64(v) * float64(v)
		}
		rms := math.Sqrt(sum / step)
		most = max(most, rms)
		out = append(out, rms)
	}
	for i, v := range out {
		out[i] = 20 * math.Log10(max(v, 0.5)/most)
	}
	return out
}

// TestRemoteControl: a person turns the volume of what sounds down by 20 dB, stops it on
// two devices at once, and restarts an agent; each result comes back, and what was recorded
// shows the change and the end.
func TestRemoteControl(t *testing.T) {
	lane(t, short)
	h := newHouse(t, []string{"a", "b"})
	h.serve()
	h.upload("dai", "Bản tin dài", tone(t, 25, 440))
	a, b := h.agent("a", `driver: "null"`), h.agent("b", `driver: "null"`)
	due := dueMinute(30 * time.Second)
	h.schedule(due, "dai")
	a.ready(due)
	b.ready(due)
	h.as(second) // an approver orders
	var list struct {
		Devices []struct {
			Device radio.DeviceID `json:"device"`
			Code   string         `json:"code"`
		} `json:"devices"`
	}
	h.get("/api/v1/devices", &list)
	var device radio.DeviceID
	var all []radio.DeviceID
	for _, d := range list.Devices {
		all = append(all, d.Device)
		if d.Code == "a" {
			device = d.Device
		}
	}
	path := "/api/v1/devices/" + string(device) + "/commands"
	h.order(path, map[string]any{"do": "stop"}, radio.ReceiptRejected) // nothing sounds yet
	for _, p := range []*agentProcess{a, b} {
		h.eventually(time.Until(due)+20*time.Second, "both sound", func() bool {
			s, ok := p.status()
			return ok && s.Sounding != nil
		})
	}
	h.until(due.Add(6 * time.Second))
	h.order(path, map[string]any{"do": "volume", "gain_db": -20}, radio.ReceiptDone)
	h.until(due.Add(14 * time.Second))
	batch := h.order("/api/v1/commands", map[string]any{"do": "stop", "devices": all, "confirm": len(all)}, radio.ReceiptDone)
	h.page("/commands/"+string(batch.ID), "Cụm loa a", "Cụm loa b", "đã xong")

	rows := h.outcomes(2, 30*time.Second)
	for _, r := range rows {
		if r.Outcome != radio.Partial || r.Reason != radio.ReasonStopped {
			t.Errorf("%s: %s %s", r.DeviceCode, r.Outcome, r.Reason)
		}
		if sec := float64(r.Consumed) / radio.SampleRate; sec < 12 || sec > 20 {
			t.Errorf("%s sounded for %.1f s", r.DeviceCode, sec)
		}
	}
	h.eventually(15*time.Second, "the player has gone", func() bool { return len(a.recordings()) == 1 && len(a.recordings()[0]) > 0 })
	levels := loudness(a.recordings()[0])
	loud, quiet, other := 0, 0, 0
	for i, v := range levels {
		switch {
		case v > -1:
			loud++
			if quiet > 0 {
				t.Fatalf("loud again at %.1f s", float64(i)/10)
			}
		case v > -21 && v < -19:
			quiet++
		case v > -60:
			other++
		}
	}
	t.Logf("loud for %.1f s, 20 dB down for %.1f s, between for %.1f s", float64(loud)/10, float64(quiet)/10, float64(other)/10)
	if loud < 40 || quiet < 40 || other > 4 {
		t.Error("the recording does not show the volume that was ordered")
	}

	// The restart: the process ends with the code for it, whoever keeps it starts it
	// again, and only then it is done. The volume is still the one ordered.
	var restart radio.CommandBatch
	h.post(path, map[string]any{"do": "restart"}, &restart)
	select {
	case <-a.process.done:
	case <-time.After(15 * time.Second):
		t.Fatal("the agent did not end")
	}
	if code := a.process.cmd.ProcessState.ExitCode(); code != 6 {
		t.Fatalf("exit code %d, want 6", code)
	}
	a.start()
	h.eventually(20*time.Second, "the restart is told as done", func() bool {
		var got struct {
			Results []radio.CommandResult `json:"results"`
		}
		h.get("/api/v1/commands/"+string(restart.ID), &got)
		return len(got.Results) == 1 && got.Results[0].State == radio.ReceiptDone
	})
	h.eventually(10*time.Second, "the volume outlives the restart", func() bool {
		s, ok := a.status()
		return ok && s.VolumeDB == -20
	})

	// A form and its confirmation, as a person without JavaScript uses them.
	resp, err := h.client.Get(h.url("/devices/" + string(device) + "/order?do=test_tone"))
	if err != nil {
		t.Fatal(err)
	}
	if err := drain(resp); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp.StatusCode, err)
	}
	resp, err = h.client.Post(h.url("/devices/"+string(device)+"/commands"), "application/x-www-form-urlencoded", strings.NewReader("do=test_tone"))
	if err != nil {
		t.Fatal(err)
	}
	if err := drain(resp); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp.StatusCode, err)
	}
	h.eventually(40*time.Second, "the test tone is told as done", func() bool {
		var got struct {
			Batches []radio.CommandBatch `json:"batches"`
		}
		h.get("/api/v1/commands", &got)
		if got.Batches[0].Do != radio.CommandTestTone {
			return false
		}
		var r struct {
			Results []radio.CommandResult `json:"results"`
		}
		h.get("/api/v1/commands/"+string(got.Batches[0].ID), &r)
		return r.Results[0].State == radio.ReceiptDone
	})
}
