package programme

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"loaxa/internal/radio"
)

var update = flag.Bool("update", false, "write golden files anew")

// normalWeek is what a commune's cluster carries in a normal week: two sessions on
// each working day with their own bulletins, one at the weekend, the province's
// news, and a campaign (design §7: at most 16 KB).
func normalWeek() input {
	titles := []string{"Nhạc hiệu Đài truyền thanh xã", "Bản tin thời sự xã Cẩm Bình", "Thông báo lịch tiêm phòng gia súc đợt 1 năm 2026",
		"Hướng dẫn phòng trừ sâu bệnh vụ lúa đông xuân", "Nghị quyết 57-NQ/TW: khoa học, công nghệ và chuyển đổi số", "Bản tin thời sự tỉnh Hà Tĩnh"}
	var stock []radio.Bulletin
	for n := range 14 {
		b := approved(n, time.Duration(60+17*n)*time.Second)
		b.Title = titles[n%len(titles)]
		b.ValidUntil = radio.At(now.AddDate(0, 0, 30))
		if n%4 == 0 {
			b.ValidFrom = radio.At(now.AddDate(0, 0, -1))
		}
		stock = append(stock, b)
	}
	commune := schedule(1, radio.Target{Area: area(10)})
	for d := range 5 {
		commune.Slots = append(commune.Slots,
			slot(2*d, fmt.Sprintf("0 5 * * %d", d+1), 0, 1+d, 6+d%3), slot(2*d+1, fmt.Sprintf("0 17 * * %d", d+1), 0, 1+d, 6+d%3))
	}
	commune.Slots = append(commune.Slots, slot(10, "30 5 * * 0,6", 0, 9))
	commune.Except = []radio.Date{"2026-04-26", "2026-04-30", "2026-05-01", "2026-09-02"}
	province := schedule(2, radio.Target{Area: area(1)}, slot(20, "30 17 * * 1-5", 10, 11))
	province.Priority = radio.Prior
	campaign := schedule(3, radio.Target{Area: area(1)}, slot(30, "45 5 * * 1,3,5", 12), slot(31, "45 17 * * 2,4", 13))
	campaign.From, campaign.Until = "2026-03-01", "2026-12-31"
	return input{Place: place(1, 1), Schedules: []radio.Schedule{commune, province, campaign}, Bulletins: resolver.Current(stock),
		Withdrawn: []radio.SHA256{hash(900), hash(901)}, Now: now}
}

func TestNormalWeekIsGoldenAndSmall(t *testing.T) {
	p, out, err := resolve(normalWeek())
	if err != nil || len(out) != 0 {
		t.Fatal(err, out)
	}
	p.Revision, p.IssuedAt, p.NotAfter = now.Unix(), radio.At(now), radio.At(now.AddDate(0, 0, 35))
	payload, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("a normal week: %d slots, %d bulletins, %d airings in 3 days, %d bytes", len(p.Slots), len(p.Audio), len(issued(t, p)), len(payload))
	if len(payload) > 16<<10 {
		t.Errorf("a normal week takes %d bytes, at most 16 KB (design §7)", len(payload))
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, payload, "", " "); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "normal-week.json")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(pretty.Bytes(), '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(append(pretty.Bytes(), '\n'), want) {
		t.Errorf("the resolved programme differs from %s; if that is meant, run with -update", file)
	}
}
