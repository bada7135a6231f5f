package preview_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"loaxa/internal/radio"
)

var (
	inCommune = radio.Target{Area: area(10)} // four devices
	everyday  = "0 17 * * *"
)

func with(s radio.Schedule, change func(*radio.Schedule)) radio.Schedule {
	s.Slots = slices.Clone(s.Slots)
	change(&s)
	return s
}

func prior(s *radio.Schedule) { s.Priority = radio.Prior }

// variant gives one place another bulletin at the first position.
func variant(t radio.Target, b int) func(*radio.Schedule) {
	return func(s *radio.Schedule) {
		s.Slots[0].Items = slices.Clone(s.Slots[0].Items)
		s.Slots[0].Items[0].Variants = []radio.Variant{{Target: t, Bulletin: bulletin(b)}}
	}
}

func TestConflicts(t *testing.T) {
	cases := []struct {
		name       string
		lay        func(h *house)
		candidates []radio.Schedule
		// want: kind, ! for blocking, devices, times, and a piece of the Vietnamese words.
		want []string
	}{
		{"nothing wrong", nil, []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 1, 2))}, nil},
		{"gives way to a priority schedule", func(h *house) {
			h.plan.Schedules = []radio.Schedule{with(schedule(2, radio.Target{Area: area(1)}, slot(2, "1 17 * * *", 1)), prior)}
		}, []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 2))},
			[]string{"overlap 4 56 trùng giờ với lịch “Lịch số 2” từ 17:02 23/11/2026 và phải nhường: 56 lượt phát trên 4 cụm loa phát trễ, nhiều nhất 2 phút. Dời khung giờ sang 17:02 hoặc muộn hơn"}},
		{"dropped, beyond its grace", func(h *house) {
			h.plan.Schedules = []radio.Schedule{with(schedule(2, radio.Target{Area: area(11)}, slot(2, everyday, 3)), prior)}
		}, []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 2))},
			[]string{"overlap 2 28 28 lượt phát trên 2 cụm loa bị bỏ vì quá thời gian chờ. Dời khung giờ sang 17:03"}},
		{"shifts another", func(h *house) {
			h.plan.Schedules = []radio.Schedule{schedule(2, inCommune, slot(2, everyday, 1))}
		}, []radio.Schedule{with(schedule(1, radio.Target{Device: device(111)}, slot(1, everyday, 2)), prior)},
			[]string{"overlap 1 14 Lịch “Lịch số 1” chen vào lịch “Lịch số 2” từ 17:02 23/11/2026: 14 lượt phát trên 1 cụm loa của lịch kia phát trễ, nhiều nhất 2 phút"}},
		{"ousts another", func(h *house) {
			h.plan.Schedules = []radio.Schedule{schedule(2, inCommune, slot(2, everyday, 1))}
		}, []radio.Schedule{with(schedule(1, radio.Target{Device: device(111)}, slot(1, everyday, 3)), prior)},
			[]string{"overlap 1 14 làm lịch “Lịch số 2” bị bỏ"}},
		{"pushes a third by pushing another", func(h *house) {
			h.plan.Schedules = []radio.Schedule{schedule(2, inCommune, slot(2, everyday, 1)), schedule(3, inCommune, slot(3, "1 17 * * *", 1))}
		}, []radio.Schedule{with(schedule(1, inCommune, slot(1, everyday, 1)), prior)},
			[]string{"overlap 4 56 chen vào lịch “Lịch số 2”", "overlap 4 56 chen vào lịch “Lịch số 3”"}},
		{"two that are published together are told once", nil, []radio.Schedule{
			schedule(1, inCommune, slot(1, everyday, 1)), schedule(2, inCommune, slot(2, everyday, 1))},
			[]string{"overlap 4 56 Khung giờ “khung-2” của lịch “Lịch số 2” trùng giờ với lịch “Lịch số 1”"}},
		{"its own slots", nil, []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 2), slot(2, "1 17 * * *", 1))},
			[]string{"overlap 4 56 trùng giờ với một khung giờ khác của chính lịch này"}},
		{"what it replaces is no obstacle", func(h *house) {
			h.plan.Schedules = []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 5))}
		}, []radio.Schedule{schedule(1, inCommune, slot(9, everyday, 2))}, nil},
		{"found by its code", func(h *house) {
			h.plan.Schedules = []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 5))}
		}, []radio.Schedule{with(schedule(1, inCommune, slot(9, everyday, 2)), func(s *radio.Schedule) {
			s.ID, s.Slots[0].ID = "", ""
			s.Slots[0].Items[0].ID = ""
		})}, nil},
		{"a withdrawal clashes with nothing", nil, []radio.Schedule{with(schedule(1, inCommune, slot(1, "15 3 * * *", 7)), func(s *radio.Schedule) { s.WithdrawnAt = 1 })}, nil},
		{"begins later: its own first days count", func(h *house) {
			h.plan.Schedules = []radio.Schedule{with(schedule(2, inCommune, slot(2, everyday, 1)), prior)}
		}, []radio.Schedule{with(schedule(1, inCommune, slot(1, everyday, 1)), func(s *radio.Schedule) { s.From, s.Until = "2027-03-01", "2027-03-03" })},
			[]string{"overlap 4 12 từ 17:01 01/03/2027"}},

		{"quiet hours", nil, []radio.Schedule{schedule(1, inCommune, slot(1, "15 3 * * *", 1))},
			[]string{"hours 4 56 nằm ngoài khung giờ được phép (05:00–21:00): 56 lượt phát trên 4 cụm loa bị thiết bị từ chối, lượt đầu lúc 03:15 24/11/2026"}},
		{"over the end of the hours", nil, []radio.Schedule{schedule(1, inCommune, slot(1, "58 20 * * *", 5))},
			[]string{"hours 4 56 kéo dài quá khung giờ được phép"}},
		{"the hours of one hamlet", func(h *house) {
			h.plan.Policies = []radio.PolicyRule{{ID: id[radio.PolicyID]('p', 1), Target: radio.Target{Area: area(12)}, Zone: zone, Windows: []radio.Window{{From: 300, To: 420, Days: []int{1, 7}}}}}
		}, []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 1))},
			[]string{"hours 2 28 giờ yên tĩnh riêng của nơi đặt cụm loa (00:00–05:00 T2 CN, 07:00–24:00 T2 CN, 00:00–24:00 T3 T4 T5 T6 T7)"}},
		{"never", func(h *house) {
			h.plan.Policies = []radio.PolicyRule{{ID: id[radio.PolicyID]('p', 1), Target: radio.Target{Area: area(1)}, Zone: zone}}
		}, []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 1))}, []string{"hours 4 56 (không có giờ nào)"}},
		{"a day of mourning", func(h *house) {
			h.plan.Policies = []radio.PolicyRule{{ID: id[radio.PolicyID]('p', 1), Target: inCommune, Zone: zone, Windows: []radio.Window{{From: 300, To: 1260}}, Mourning: []radio.Date{"2026-11-25"}}}
		}, []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 1))}, []string{"hours 4 4 rơi vào ngày không được phát, đầu tiên 25/11/2026"}},
		{"exception dates, silent", func(h *house) {
			h.plan.Policies = []radio.PolicyRule{{ID: id[radio.PolicyID]('p', 1), Target: inCommune, Zone: zone, Windows: []radio.Window{{From: 300, To: 1260}},
				Exceptions: []radio.PolicyException{{From: "2026-11-25", Until: "2026-11-27", Label: "Tết thử"}}}}
		}, []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 1))}, []string{"hours 4 12 ngày ngoại lệ của quy định khung giờ (“Tết thử” 25/11/2026–27/11/2026): 12 lượt phát trên 4 cụm loa bị thiết bị từ chối, lượt đầu lúc 17:00 25/11/2026"}},
		{"an exception date with its own hours", func(h *house) {
			h.plan.Policies = []radio.PolicyRule{{ID: id[radio.PolicyID]('p', 1), Target: inCommune, Zone: zone, Windows: []radio.Window{{From: 300, To: 1260}},
				Exceptions: []radio.PolicyException{{From: "2026-11-25", Until: "2026-11-25", Label: "Lễ", Windows: []radio.Window{{From: 480, To: 540}}}}}}
		}, []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 1))}, []string{"hours 4 4 (“Lễ” 25/11/2026, 08:00–09:00)"}},
		{"a session too many, of its own", func(h *house) {
			h.plan.Policies = []radio.PolicyRule{{ID: id[radio.PolicyID]('p', 1), Target: inCommune, Zone: zone, Windows: []radio.Window{{From: 300, To: 1260}}, MaxSessions: 1}}
		}, []radio.Schedule{schedule(1, inCommune, slot(1, "0 6 * * *", 1), slot(2, everyday, 1))}, []string{"hours 4 56 vượt số phiên phát trong ngày (quy định tối đa 1 phiên)"}},
		{"the minutes of a day", func(h *house) {
			h.plan.Policies = []radio.PolicyRule{{ID: id[radio.PolicyID]('p', 1), Target: inCommune, Zone: zone, Windows: []radio.Window{{From: 300, To: 1260}}, MaxMinutes: 1}}
		}, []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 5))}, []string{"hours 4 56 vượt số phút phát trong ngày (quy định tối đa 1 phút)"}},
		{"a session that leaves none to another schedule", func(h *house) {
			h.plan.Policies = []radio.PolicyRule{{ID: id[radio.PolicyID]('p', 1), Target: inCommune, Zone: zone, Windows: []radio.Window{{From: 300, To: 1260}}, MaxSessions: 1}}
			h.plan.Schedules = []radio.Schedule{schedule(2, inCommune, slot(2, everyday, 1))}
		}, []radio.Schedule{schedule(1, inCommune, slot(1, "0 6 * * *", 1))},
			[]string{"hours 4 52 Cùng với lịch “Lịch số 1”, lịch “Lịch số 2” vượt số phiên phát trong ngày (quy định tối đa 1 phiên): 52 lượt phát trên 4 cụm loa của lịch “Lịch số 2” bị thiết bị từ chối"}},
		{"an odd hour that is permitted", func(h *house) {
			h.plan.Policies = []radio.PolicyRule{{ID: id[radio.PolicyID]('p', 1), Target: inCommune, Zone: zone, Windows: []radio.Window{{From: 0, To: 1440}}}}
		}, []radio.Schedule{schedule(1, inCommune, slot(1, "15 3 * * *", 1))}, []string{"hours 4 56 sẽ phát vào giờ yên tĩnh (21:00–05:00): lúc 03:15 24/11/2026"}},

		{"not approved yet", func(h *house) {
			h.plan.Bulletins[1].State = radio.Pending
		}, []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 1, 2))}, []string{"no_audio 4 0 Bản tin “Bản tin số 2” trong khung giờ “khung-1” của lịch “Lịch số 1” chưa phát được: đang chờ duyệt"}},
		{"withdrawn, and nothing else in the slot", func(h *house) {
			h.plan.Bulletins[1].State = radio.Withdrawn
		}, []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 2))}, []string{"no_audio 4 0 đã thu hồi"}},
		{"approved under a key that counts no more", func(h *house) {
			h.plan.Bulletins[1].Signed = &radio.ApprovalRow{KID: lapsed, Area: area(1)}
		}, []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 1, 2))}, []string{"no_audio 4 0 Bản tin “Bản tin số 2” trong khung giờ “khung-1” của lịch “Lịch số 1” cần duyệt lại"}},
		{"approved before approvals were signed", func(h *house) {
			h.plan.Bulletins[1].Signed = nil
		}, []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 2))}, []string{"no_audio 4 0 cần duyệt lại"}},
		{"approved for another commune", func(h *house) {
			b := &h.plan.Bulletins[1]
			b.Area, b.Signed = area(20), &radio.ApprovalRow{Area: area(20), SignedApproval: b.Signed.SignedApproval}
		}, []radio.Schedule{schedule(1, radio.Target{Area: area(1)}, slot(1, everyday, 1, 2))}, []string{"no_audio 4 0 chỉ được duyệt để phát ở Xã 20"}},
		{"a variant that is not approved", func(h *house) {
			h.plan.Bulletins[1].State = radio.Pending
		}, []radio.Schedule{with(schedule(1, inCommune, slot(1, everyday, 1)), variant(radio.Target{Area: area(12)}, 2))},
			[]string{"no_audio 2 0 Bản riêng “Bản tin số 2” trong khung giờ “khung-1” của lịch “Lịch số 1” không phát được trên 2 cụm loa (bản tin chưa có phiên bản được duyệt): các cụm loa này phát “Bản tin số 1”"}},
		{"a variant that overlaps at its place only", func(h *house) {
			h.plan.Schedules = []radio.Schedule{schedule(2, inCommune, slot(2, "1 17 * * *", 1))}
		}, []radio.Schedule{with(schedule(1, inCommune, slot(1, everyday, 1)), func(s *radio.Schedule) {
			prior(s)
			variant(radio.Target{Device: device(121)}, 2)(s)
		})}, []string{"overlap 1 14 chen vào lịch “Lịch số 2”"}},
		{"dates that all lie behind", nil, []radio.Schedule{with(schedule(1, inCommune, slot(1, "0 17 20,21 11 *", 1)), func(s *radio.Schedule) {
			s.Slots[0].Dates = []radio.Date{"2026-11-20", "2026-11-21"}
		})}, []string{"slot 0 0 không còn lượt phát nào: lượt cuối đã qua"}},
		{"a date at an hour that is not permitted", nil, []radio.Schedule{with(schedule(1, inCommune, slot(1, "15 3 25,30 11 *", 1)), func(s *radio.Schedule) {
			s.Slots[0].Dates = []radio.Date{"2026-11-25"}
		})}, []string{"hours 4 4 lượt đầu lúc 03:15 25/11/2026"}},
		{"no such bulletin", nil, []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 1, 77))}, []string{"no_audio! 4 0 không có trong kho"}},

		{"the bulletin runs out", func(h *house) {
			h.plan.Bulletins[0].ValidUntil = radio.At(now.AddDate(0, 0, 3))
			newer := approved(1, 60) // not approved: its dates do not count yet
			newer.Version, newer.State = 2, radio.Pending
			h.plan.Bulletins = append(h.plan.Bulletins, newer)
		}, []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 1))},
			[]string{"validity 4 44 hết hiệu lực lúc 10:00 26/11/2026 nhưng vẫn còn trong lịch: 44 lượt phát trên 4 cụm loa bị thiết bị từ chối, lượt đầu lúc 17:00 26/11/2026"}},
		{"the bulletin is not valid yet", func(h *house) {
			h.plan.Bulletins[0].ValidFrom = radio.At(now.AddDate(0, 0, 3))
		}, []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 1))},
			[]string{"validity 4 12 chỉ có hiệu lực từ 10:00 26/11/2026 nhưng đã có trong lịch trước đó: 12 lượt phát trên 4 cụm loa bị thiết bị từ chối, lượt đầu lúc 17:00 23/11/2026"}},

		{"not enrolled, never heard, offline, behind", func(h *house) {
			h.places[0].Device.Enrolled = 0
			delete(h.states, device(112))
			s := h.states[device(121)]
			s.Alive, s.At = false, radio.At(now.Add(-48*time.Hour))
			h.states[device(121)] = s
			h.says(device(122), 1, 1)
		}, []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 1))}, []string{
			"target 1 0 Nơi phát của lịch “Lịch số 1” có 1 cụm loa chưa đăng ký", "not_synced 1 0 chưa từng kết nối từ khi đăng ký",
			"not_synced 1 0 mất kết nối (lâu nhất từ 10:00 21/11/2026)", "not_synced 1 0 chưa báo đã nhận chương trình hiện hành (lâu nhất từ 09:00 23/11/2026)"}},
		{"issued only now: not behind", func(h *house) {
			for d := range h.issued {
				h.issued[d] = now.Add(-time.Minute).Unix()
			}
		}, []radio.Schedule{schedule(1, inCommune, slot(1, everyday, 1))}, nil},
		{"audio that cannot be fetched in time", func(h *house) {
			h.says(device(111), h.issued[device(111)], 1, 2)
			h.says(device(112), h.issued[device(112)], 1)
		}, []radio.Schedule{schedule(1, inCommune, slot(1, "12 10 * * *", 3))},
			[]string{"not_synced 2 2 2 cụm loa chưa có sẵn âm thanh của bản tin “Bản tin số 3” và khó tải kịp cho lượt 10:12 23/11/2026"}},
		{"audio that will be there in time", func(h *house) {
			h.says(device(111), h.issued[device(111)], 1, 2)
		}, []radio.Schedule{schedule(1, inCommune, slot(1, "14 10 * * *", 3))}, nil},

		{"links that do not carry it", func(h *house) {
			h.link(device(111), 1000, 0, 0, 1)
			h.link(device(112), 2000, 0, 0, 1)
			h.link(device(121), 1_000_000, 1_000_000, 0, 1)
			h.link(device(122), 1_000_000, 50_000_000, 0, 1)
		}, []radio.Schedule{schedule(1, inCommune, slot(1, "30 10 * * *", 5))}, []string{
			"not_synced 2 2 2 cụm loa có đường truyền chậm, tải âm thanh của bản tin “Bản tin số 5” không kịp lượt 10:30 23/11/2026 của lịch “Lịch số 1”: chậm nhất",
			"not_synced 1 0 1 cụm loa dùng gói dung lượng không đủ để tải âm thanh của lịch “Lịch số 1” trong tháng: thiếu nhiều nhất 2 MB. Cho các cụm loa này tải bản 32 kbit/s"}},
		{"a slow link that has the lighter rendition", func(h *house) {
			h.link(device(111), 1000, 0, 0, 1)
			h.change(device(111), func(s *radio.Status) {
				s.Audio = append(s.Audio, radio.AudioStatus{SHA256: hash(2*5 + 1), Ready: true})
			})
		}, []radio.Schedule{schedule(1, inCommune, slot(1, "30 10 * * *", 5))}, nil},

		{"an emergency", nil, []radio.Schedule{with(schedule(1, inCommune, slot(1, everyday, 1)), func(s *radio.Schedule) { s.Priority = radio.Emergency })},
			[]string{"priority! 0 0 không được mang mức khẩn cấp"}},
		{"no such place", nil, []radio.Schedule{schedule(1, radio.Target{Area: area(99)}, slot(1, everyday, 1))}, []string{"target! 0 0 không có. Chọn lại"}},
		{"no place", nil, []radio.Schedule{with(schedule(1, inCommune, slot(1, everyday, 1)), func(s *radio.Schedule) { s.Targets = nil })}, []string{"target! 0 0 chưa chọn nơi phát"}},
		{"a place without devices", nil, []radio.Schedule{schedule(1, radio.Target{Area: area(30)}, slot(1, everyday, 1))}, []string{"target 0 0 “Xã 30”, nơi chưa có cụm loa nào"}},
		{"a rule that cannot be read", nil, []radio.Schedule{schedule(1, inCommune, slot(1, "@daily", 1))}, []string{"slot! 0 0 không dùng được: không tính được thành lượt phát"}},
		{"an item nobody can play out", nil, []radio.Schedule{with(schedule(1, inCommune, slot(1, everyday, 1)), func(s *radio.Schedule) { s.Slots[0].Items[0].Repeat = 99 })},
			[]string{"slot! 4 0 repeat 99"}},
		{"no slot, no item", nil, []radio.Schedule{schedule(1, inCommune), schedule(2, inCommune, slot(1, everyday))},
			[]string{"slot! 0 0 không có khung giờ nào", "slot! 0 0 không có bản tin nào"}},
		{"never due", nil, []radio.Schedule{with(schedule(1, inCommune, slot(1, "0 17 * * 1", 1), slot(2, everyday, 1)), func(s *radio.Schedule) {
			s.From, s.Until, s.Except = "2026-11-24", "2026-12-01", []radio.Date{"2026-11-30"}
		})}, []string{"slot 0 0 Khung giờ “khung-1” của lịch “Lịch số 1” không có lượt phát nào trong thời gian hiệu lực"}},
		{"due once, in two years", nil, []radio.Schedule{schedule(1, inCommune, slot(1, "0 17 1 11 *", 1))}, nil},
		{"over", nil, []radio.Schedule{with(schedule(1, inCommune, slot(1, everyday, 1)), func(s *radio.Schedule) { s.Until = "2026-11-22" })}, []string{"slot 0 0 đã kết thúc"}},
		{"another zone", nil, []radio.Schedule{with(schedule(1, inCommune, slot(1, everyday, 1)), func(s *radio.Schedule) { s.Zone = "Asia/Tokyo" })}, []string{"slot! 0 0 múi giờ khác"}},
		{"a relay", nil, []radio.Schedule{with(schedule(1, inCommune, slot(1, everyday, 1)), func(s *radio.Schedule) {
			s.Slots[0].Items = []radio.Entry{{ID: id[radio.EntryID]('e', 1), Kind: radio.KindRelay, Repeat: 1}}
		})}, []string{"slot 4 56 chưa hỗ trợ"}},

		{"too many slots", func(h *house) {
			for n := range 2 {
				o := schedule(50+n, inCommune)
				for k := range 60 {
					o.Slots = append(o.Slots, slot(1000*(n+1)+k, fmt.Sprintf("%d 9 * * *", k), 1))
				}
				h.plan.Schedules = append(h.plan.Schedules, o)
			}
		}, []radio.Schedule{with(schedule(1, radio.Target{Area: area(11)}), func(s *radio.Schedule) {
			for k := range 9 {
				s.Slots = append(s.Slots, slot(k, fmt.Sprintf("%d 17 * * *", 5*k), 1))
			}
		})}, []string{"limit! 2 0 Chương trình của 2 cụm loa cùng với lịch “Lịch số 1” có 129 khung giờ, nhiều nhất 128"}},
		{"too large", nil, []radio.Schedule{with(schedule(1, radio.Target{Device: device(111)}), func(s *radio.Schedule) {
			for k := range 12 {
				sl := slot(k, fmt.Sprintf("0 %d * * *", 6+k))
				for i := range 60 {
					sl.Items = append(sl.Items, radio.Entry{ID: id[radio.EntryID]('e', 5000+64*k+i), Kind: radio.KindAudio, Bulletin: bulletin(1), Repeat: 1})
				}
				s.Slots = append(s.Slots, sl)
			}
		})}, []string{"limit! 1 0 KB, nhiều nhất 64 KB"}},
		{"too many airings", nil, []radio.Schedule{with(schedule(1, radio.Target{Device: device(111)}, slot(1, "* * * * *", 1, 1, 1, 1)), func(s *radio.Schedule) {})},
			[]string{"limit! 1 0 có tới 5760 lượt phát một ngày, nhiều nhất 5000"}},
		{"the same slot twice", nil, []radio.Schedule{schedule(1, radio.Target{Device: device(111)}, slot(1, everyday, 1), slot(1, everyday, 1))},
			[]string{"limit! 1 0 Không phát hành được"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse()
			if c.lay != nil {
				c.lay(h)
			}
			got := conflicts(t, h, c.candidates...)
			ok := len(got) == len(c.want)
			for i := range got {
				if all := []string{got[i].VI, got[i].EN, got[i].FixVI, got[i].FixEN}; slices.Contains(all, "") || strings.Contains(strings.Join(all, ""), "%!") {
					t.Errorf("without words: %+v", got[i])
				}
				ok = ok && holds(got[i], c.want[i])
			}
			if !ok {
				t.Errorf("want %q, got", c.want)
				for _, x := range got {
					t.Errorf("%s blocking %v, %d devices, %d times\n%s\n%s", x.Kind, x.Blocking, x.DeviceCount, x.Times, x.VI, x.EN)
				}
			}
		})
	}
}

func holds(c radio.Conflict, want string) bool {
	kind := string(c.Kind)
	if c.Blocking {
		kind += "!"
	}
	head := fmt.Sprintf("%s %d %d ", kind, c.DeviceCount, c.Times)
	return strings.HasPrefix(want, head) && strings.Contains(c.VI+" "+c.FixVI, strings.TrimPrefix(want, head))
}

// A clash names the schedules, the slot, the first time and the devices, the last
// bounded; blocking ones come first.
func TestConflictNames(t *testing.T) {
	h := newHouse()
	hamlet := h.places[0].Chain
	for n := 1000; n < 1030; n++ {
		h.add(radio.Place{Device: radio.Device{ID: device(n), Code: fmt.Sprint("cum-", n), Hamlet: area(11), Rendition: 32, Enrolled: 1}, Chain: hamlet})
	}
	h.plan.Schedules = []radio.Schedule{with(schedule(2, inCommune, slot(2, everyday, 1)), prior)}
	got := conflicts(t, h, schedule(1, inCommune, slot(1, everyday, 1, 77)))
	if len(got) != 2 || got[0].Kind != radio.ConflictAudio || got[1].Kind != radio.ConflictOverlap {
		t.Fatalf("%+v", got)
	}
	c := got[1]
	if c.Schedule != scheduleID(1) || c.With != scheduleID(2) || c.Slot != id[radio.SlotID]('l', 1) || len(c.Devices) != radio.MaxConflictDevices || c.DeviceCount != 34 || c.Times != 34*14 {
		t.Errorf("%+v", c)
	}
	if want := time.Date(2026, 11, 23, 10, 1, 0, 0, time.UTC); c.At != radio.At(want) {
		t.Errorf("first at %s, want %s", c.At.Time(), want)
	}
	if got[0].Entry != id[radio.EntryID]('e', 65) {
		t.Errorf("entry of %+v", got[0])
	}
	long := schedule(1, radio.Target{Area: area(30)}, slot(1, everyday, 1))
	long.Title = strings.Repeat("ộ", 500)
	if got := conflicts(t, h, long); len(got) != 1 || len([]rune(got[0].VI)) > 200 {
		t.Errorf("names are not bounded: %+v", got)
	}
}

func TestCheckTellsWhatIsOnTheAir(t *testing.T) {
	h := newHouse()
	h.plan.Bulletins[1].State = radio.Withdrawn
	h.plan.Schedules = []radio.Schedule{
		schedule(1, inCommune, slot(1, everyday, 1, 2)),
		with(schedule(2, inCommune, slot(2, everyday, 3)), prior),
		schedule(3, radio.Target{Device: device(211)}, slot(3, "* * * * *", 1, 1, 1, 1)),
		schedule(4, inCommune, slot(4, "0 3 * * *", 1)),
		with(schedule(5, inCommune, slot(5, "0 3 * * *", 2)), func(s *radio.Schedule) { s.WithdrawnAt = 1 }),
		schedule(6, inCommune, slot(6, "2 17 * * *", 1)), // begins late, but within its grace
	}
	h.states = nil // how devices are is told elsewhere
	got, err := h.preview().Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"limit! 1 0 Chương trình của 1 cụm loa có tới 5760 lượt phát một ngày",
		"no_audio 4 0 đã thu hồi", "overlap 4 28 bị bỏ", "hours 4 28 nằm ngoài",
	}
	if len(got) != len(want) {
		t.Fatalf("%d: %+v", len(got), got)
	}
	for i, c := range got {
		if !holds(c, want[i]) {
			t.Errorf("want %q, got %+v", want[i], c)
		}
	}
}

func TestConflictsFail(t *testing.T) {
	h := newHouse()
	if _, err := h.preview().Conflicts(t.Context(), make([]radio.Schedule, 201)); !errors.Is(err, radio.ErrInvalid) {
		t.Errorf("201 schedules: %v", err)
	}
	h.fail = radio.ErrUnavailable
	if _, err := h.preview().Conflicts(t.Context(), nil); !errors.Is(err, radio.ErrUnavailable) {
		t.Errorf("no database: %v", err)
	}
}

// A slot whose last airing is over: who publishes it is told that nothing is left of it;
// on the air it has done its work, and is no conflict on its last evening.
func TestLastAiringIsOver(t *testing.T) {
	h := newHouse() // 10:00 on 23 November
	today := with(schedule(1, inCommune, slot(1, "0 9 * * *", 1)), func(s *radio.Schedule) { s.From, s.Until = "2026-11-01", "2026-11-23" })
	never := with(schedule(2, inCommune, slot(2, "0 9 * * 0", 1)), func(s *radio.Schedule) { s.From, s.Until = "2026-11-23", "2026-11-24" }) // no Sunday
	h.plan.Schedules = []radio.Schedule{today, never}
	said := func(all []radio.Conflict) (out []string) {
		for _, c := range all {
			if c.Kind == radio.ConflictSlot {
				out = append(out, c.VI)
			}
		}
		return out
	}
	const over, empty = "Khung giờ “khung-1” của lịch “Lịch số 1” không còn lượt phát nào: lượt cuối đã qua.", "Khung giờ “khung-2” của lịch “Lịch số 2” không có lượt phát nào trong thời gian hiệu lực."
	if got := said(conflicts(t, h, today, never)); !slices.Equal(got, []string{over, empty}) {
		t.Errorf("before publishing: %q", got)
	}
	on, err := h.preview().Check(t.Context())
	if got := said(on); err != nil || !slices.Equal(got, []string{empty}) {
		t.Errorf("on the air: %q %v", got, err)
	}
	if got := said(rehearse(t, h, inCommune, "", "").Conflicts); !slices.Equal(got, []string{empty}) {
		t.Errorf("rehearsal: %q", got)
	}
}

// What stands in the way may go on in several items: the advice names the end of the last.
func TestAdviceLooksBehindAllThatStandsInTheWay(t *testing.T) {
	h := newHouse()
	h.plan.Schedules = []radio.Schedule{with(schedule(1, inCommune, slot(1, "0 17 * * *", 3, 3, 3)), prior)} // nine minutes
	mine := with(schedule(2, inCommune, slot(2, "1 17 * * *", 1)), func(s *radio.Schedule) { s.GraceSeconds = 60 })
	for _, c := range conflicts(t, h, mine) {
		if c.Kind == radio.ConflictOverlap && c.FixVI == "Dời khung giờ sang 17:09 hoặc muộn hơn, hoặc rút ngắn nội dung." {
			return
		}
		t.Errorf("%s %s", c.VI, c.FixVI)
	}
}

// A place out of use waits for nobody to enrol it: it counts nowhere, and a schedule for it
// alone is told that nothing sounds there.
func TestRetiredDevices(t *testing.T) {
	h := newHouse()
	for i := range h.places {
		if h.places[i].Hamlet().ID == area(11) {
			h.places[i].Device.Enrolled, h.places[i].Device.Retired = 0, radio.At(now.Add(-time.Hour))
		}
	}
	wide, hamlet, one := schedule(1, inCommune, slot(1, everyday, 1)), schedule(2, radio.Target{Area: area(11)}, slot(2, "0 6 * * *", 1)), schedule(3, radio.Target{Device: device(111)}, slot(3, "0 7 * * *", 1))
	h.plan.Schedules = []radio.Schedule{wide, hamlet, one}
	var got []string
	for _, c := range conflicts(t, h, wide, hamlet, one) {
		got = append(got, c.VI)
	}
	if want := []string{"Lịch “Lịch số 2” gửi đến “Thôn 11”, nơi chưa có cụm loa nào.", "Lịch “Lịch số 3” gửi đến cụm loa “Cụm 111”, đã ngừng sử dụng."}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if r := rehearse(t, h, inCommune, "", ""); r.Devices != 2 || r.Idle != 0 {
		t.Errorf("%d devices, %d not enrolled", r.Devices, r.Idle)
	}
	if r := rehearse(t, h, radio.Target{Device: device(111)}, "", ""); r.Devices != 0 || len(r.Rows) != 0 {
		t.Errorf("itself: %+v", r)
	}
}
