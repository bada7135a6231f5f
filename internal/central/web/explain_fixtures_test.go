package web

import (
	"context"
	"fmt"

	"loaxa/internal/radio"
)

// fakeExplainer explains everything in the same way; asked notes about what.
type fakeExplainer struct {
	plan  *fakePlan
	asked []string
	err   error
}

func (f *fakeExplainer) Explain(_ context.Context, d radio.DeviceID, at radio.Millis) (radio.Explanation, error) {
	f.asked = append(f.asked, fmt.Sprintf("%s %d", d, at))
	x := radio.Explanation{Device: d, Zone: "Asia/Ho_Chi_Minh", At: at, Now: radio.At(now), VI: "Bị chặn <ở đây>.", EN: "Stopped <here>.", Links: []radio.ChainLink{},
		Before: &radio.NearAiring{Title: "Tin sáng", Start: at - 3_600_000, Outcome: radio.Aired},
		Airings: []radio.ExplainedAiring{{Airing: id[radio.AiringID]('x', 1), Title: "Tin <trưa>", Start: at, End: at + 60_000, Origin: radio.FromSchedule, Outcome: radio.Refused, Reason: radio.ReasonPolicy,
			VI: "v", EN: "e", Links: []radio.ChainLink{
				{Kind: radio.ChainSchedule, Verdict: radio.ChainPasses, VI: "Lịch “Sáng”.", EN: "Schedule “Sáng”.", Sources: []radio.RowSource{{Row: "schedule", ID: "01S", Version: 3}}},
				{Kind: radio.ChainPolicy, Verdict: radio.ChainStops, VI: "Ngoài giờ.", EN: "Outside.", Sources: []radio.RowSource{{Row: "journal", Journal: "J", Seq: 17}}},
				{Kind: radio.ChainConfirmation, Verdict: radio.ChainPasses, VI: "Đã chốt.", EN: "Frozen.", Sources: []radio.RowSource{{Row: "airing", ID: string(id[radio.AiringID]('x', 1))}}},
			}}}}
	diagnosis, _ := f.Diagnose(context.Background(), d)
	x.Diagnosis = &diagnosis
	return x, f.err
}

func (f *fakeExplainer) Diagnose(context.Context, radio.DeviceID) (radio.Diagnosis, error) {
	return radio.Diagnosis{At: radio.At(now), Findings: []radio.Finding{{Rule: "no_output", VI: "Hai lượt liền không ra tiếng.", EN: "No output twice.", DoVI: "Kiểm tra dây loa.", DoEN: "Check the speaker cable."}},
		Signs: []radio.Sign{{Name: "link", State: radio.SignFine, VI: "đang kết nối tốt", EN: "link is fine"}}}, f.err
}

// explainFixtures: what an address asks for stands in its query; TestExplainIsNarrow walks
// it.
func explainFixtures() []fixture {
	return []fixture{
		{pattern: "GET /explain", may: radio.ReadLog},
		{pattern: "GET /api/v1/explain", may: radio.ReadLog, status: 422},
		{pattern: "GET /api/v1/devices/{device}/diagnosis", may: radio.ReadDevices, thing: deviceThing},
	}
}
