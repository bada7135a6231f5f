package web

import (
	"context"
	"time"

	"loaxa/internal/central/preview"
	"loaxa/internal/central/programme"
	"loaxa/internal/radio"
)

// previewPlan gives the real preview what the fake plan holds.
type previewPlan struct{ *fakePlan }

func (p previewPlan) Plan(ctx context.Context) (radio.Plan, error) {
	areas, err := p.Areas(ctx)
	return radio.Plan{Areas: areas, Bulletins: p.bulletins, Schedules: p.schedules, Policies: p.rules}, err
}

func (p previewPlan) WithdrawnHashes(context.Context, radio.Millis) ([]radio.SHA256, error) {
	return nil, nil
}

func (p previewPlan) Generation(context.Context) (int64, error) {
	return int64(radio.At(time.Now())), nil // tests change the plan behind the preview's back
}

func previewOf(p *fakePlan) *preview.Preview {
	return preview.New(previewPlan{p}, &fakeWatch{plan: p}, programme.Resolver{Stands: func(radio.Bulletin) error { return nil }}, func() time.Time { return now })
}

// playable gives the fake bulletins renditions that belong together; those of the other
// tests are only to be shown.
func (p *fakePlan) playable() {
	for i := range p.bulletins {
		seconds := int64(p.bulletins[i].Seconds)
		samples := seconds * radio.SampleRate
		frames := int((samples + radio.FrameSamples - 1) / radio.FrameSamples)
		p.bulletins[i].Renditions = []radio.Rendition{{SHA256: hash(1 + i), Kbps: 64, Bytes: int64(frames) * 209, Frames: frames, Samples: samples,
			Tail: int(int64(frames)*radio.FrameSamples - samples)}}
		p.bulletins[i].Signed = &radio.ApprovalRow{Area: p.bulletins[i].Area, SignedApproval: radio.SignedApproval{Protected: "header", At: 1, Signature: "signature"}}
	}
}

// weekFixtures: what an address asks for stands in its query; TestWeekIsNarrow walks it.
func weekFixtures() []fixture {
	return []fixture{
		{pattern: "GET /schedules/week", may: radio.ReadSchedules},
		{pattern: "GET /api/v1/preview", may: radio.ReadSchedules, status: 422},
		{pattern: "POST /api/v1/conflicts", may: radio.WriteSchedules, body: `{"schedules":[{"targets":[{"area":"{area}"}]}]}`},
	}
}
