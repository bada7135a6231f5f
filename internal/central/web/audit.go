package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"loaxa/internal/radio"
)

func (s *Server) auditRoutes() []route {
	return []route{
		{pattern: "GET /audit", as: s.page, do: s.auditPage, may: radio.ReadAudit},
		{pattern: "GET /audit.jsonl", as: s.page, do: s.auditFile("jsonl", linesType), may: radio.ReadAudit},
		{pattern: "GET /audit.csv", as: s.page, do: s.auditFile("csv", csvType), may: radio.ReadAudit},
		{pattern: "GET /audit.xlsx", as: s.page, do: s.auditFile("xlsx", xlsxType), may: radio.ReadAudit},
		{pattern: "GET /api/v1/audit.jsonl", as: s.api, do: s.auditFile("jsonl", linesType), may: radio.ReadAudit,
			doc: doc{Summary: "The audit as JSON lines, with its chain and the signed head, for `loaxa audit verify --file`", Kind: linesType, Query: auditFileKeys()}},
		{pattern: "GET /api/v1/audit", as: s.api, do: s.apiAudit, may: radio.ReadAudit, doc: doc{Summary: "Who did what, newest first; who reads it in some areas only sees what concerns their people",
			Out: auditAnswer{}, Query: append([]string{"limit"}, auditKeys...)}},
	}
}

const auditAPage = 40

// auditKeys are what the address of a page of the audit may hold.
var auditKeys = []string{"from", "to", "action", "actor", "subject", "q", "area", "via", "address", "before"}

// auditGroups are the kinds of changes that the filter offers.
var auditGroups = []string{"person.", "token.", "bulletin.", "schedule.", "offer.", "submission.", "campaign.", "plan.", "policy.", "area.", "device.", "command.", "alert.", "contact.", "key.", "log.", "centre."}

// auditRow is an entry in words.
type auditRow struct {
	radio.AuditEntry
	Action string // in the reader's words
	Who    string
	What   string
	More   string
	Whence string // from where
}

type auditAnswer struct {
	Entries []radio.AuditEntry `json:"entries"`
	Next    string             `json:"next,omitempty"`
}

// actionText is what people call a change; one without words here is shown as it is kept.
func actionText(action string) string {
	return word(map[string]string{
		"person.add": "Đã tạo tài khoản", "person.edit": "Đã sửa tài khoản", "person.grant": "Đã giao vai trò", "person.password": "Đã đổi mật khẩu",
		"person.reset": "Đã cấp lại mật khẩu", "person.accept": "Đã đặt mật khẩu", "person.disable": "Đã khóa tài khoản", "person.enable": "Đã mở lại tài khoản",
		"person.second_begin": "Đã bắt đầu cài xác thực hai lớp", "person.second": "Đã cài xác thực hai lớp", "person.second_count": "Đã xác nhận xác thực hai lớp", "person.recovery": "Đã tạo mã khôi phục mới",
		"person.recovery_use": "Đã dùng một mã khôi phục", "person.second_ask": "Đã đề nghị gỡ xác thực hai lớp", "person.second_reset": "Đã gỡ xác thực hai lớp",
		"person.sign_out": "Đã đăng xuất mọi nơi", "token.add": "Đã tạo mã API", "token.revoke": "Đã hủy mã API",
		"bulletin.add": "Đã tải bản tin lên", "bulletin.edit": "Đã sửa bản tin", "bulletin.delete": "Đã xóa bản nháp bản tin", "bulletin.submit": "Đã trình duyệt bản tin",
		"bulletin.take_back": "Đã rút lại bản tin để sửa", "bulletin.approve": "Đã duyệt bản tin", "bulletin.reject": "Đã từ chối bản tin", "bulletin.withdraw": "Đã thu hồi bản tin",
		"bulletin.revise": "Đã tạo phiên bản mới của bản tin", "bulletin.reapprove": "Đã duyệt lại bản tin",
		"schedule.draft": "Đã soạn lịch phát", "schedule.upload": "Đã nhập lịch phát từ tệp", "schedule.submit": "Đã trình duyệt lịch phát", "schedule.return": "Đã trả lại lịch phát",
		"schedule.drop": "Đã bỏ bản nháp lịch phát", "schedule.publish": "Đã phát hành lịch phát", "schedule.withdraw": "Đã thu hồi lịch phát",
		"campaign.add": "Đã thêm đợt tuyên truyền", "campaign.change": "Đã sửa đợt tuyên truyền", "campaign.close": "Đã kết thúc đợt tuyên truyền", "campaign.open": "Đã mở lại đợt tuyên truyền",
		"alert.compose": "Đã soạn thông báo khẩn cấp", "alert.change": "Đã sửa thông báo khẩn cấp", "alert.drop": "Đã bỏ bản nháp thông báo khẩn cấp",
		"alert.sign": "Đã ký thông báo khẩn cấp", "alert.issue": "Đã phát đi thông báo khẩn cấp", "alert.sign_cancel": "Đã ký lệnh hủy phát khẩn cấp",
		"alert.cancel": "Đã hủy phát khẩn cấp", "contact.change": "Đã sửa đầu mối liên hệ",
		"person.key_add": "Đã cấp khóa ký", "person.key_revoke": "Đã thu hồi khóa ký",
		"person.key_retire": "Đã kết thúc khóa ký", "person.passkey_add": "Đã đăng ký passkey", "person.passkey_drop": "Đã xóa passkey chờ cấp khóa",
		"centre.restore": "Đã khôi phục từ bản sao lưu", "centre.sweep": "Đã dọn tệp âm thanh không còn dùng",
		"log.close": "Đã chốt tháng của nhật ký", "log.archive": "Đã đưa nhật ký cũ vào kho lưu trữ",
		"plan.import": "Đã nhập kế hoạch từ tệp", "plan.approve": "Đã duyệt kế hoạch nhập từ tệp",
		"command.volume": "Đã đặt âm lượng từ xa", "command.stop": "Đã dừng phát từ xa", "command.skip": "Đã bỏ qua một mục từ xa", "command.pause": "Đã tạm dừng từ xa",
		"command.resume": "Đã cho phát tiếp từ xa", "command.test_tone": "Đã phát âm thử từ xa", "command.restart": "Đã khởi động lại bộ điều khiển từ xa",
		"device.add": "Đã thêm cụm loa", "device.code": "Đã cấp mã đăng ký cụm loa", "device.enrol": "Cụm loa đã đăng ký",
		"device.renew": "Cụm loa đã gia hạn chứng thư", "device.adopt": "Đã nhận lại chứng thư có sau bản sao lưu",
		"device.revoke": "Đã thu hồi danh tính cụm loa", "device.retire": "Đã ngừng sử dụng cụm loa",
		"device.setup": "Đã sửa thiết lập cụm loa", "device.stagger": "Đã áp dụng đề xuất lệch giờ",
		"offer.accept": "Địa phương đã nhận lịch cấp trên gửi", "offer.move": "Địa phương đã đổi giờ lịch cấp trên gửi", "offer.decline": "Địa phương đã trả lời không nhận",
		"offer.order": "Địa phương đã xếp thứ tự lịch ưu tiên", "offer.undo": "Địa phương đã rút lại câu trả lời", "offer.rule": "Địa phương đã sửa cách nhận lịch cấp trên gửi",
		"submission.send": "Địa phương đã gửi bài lên tỉnh", "submission.take": "Tỉnh đã nhận bài địa phương gửi lên", "submission.return": "Tỉnh đã trả lại bài địa phương gửi lên", "submission.withdraw": "Địa phương đã rút bài gửi lên tỉnh",
		"area.record": "Đã ghi quyết định về địa bàn", "area.merge": "Địa bàn đã sáp nhập", "area.split": "Địa bàn đã chia tách", "area.rename": "Địa bàn đã đổi tên, đổi mã",
		"area.drop": "Đã rút lại quyết định về địa bàn", "area.fail": "Quyết định về địa bàn chưa thực hiện được", "area.import": "Đã nhập địa bàn và cụm loa từ tệp",
		"policy.change": "Đã sửa khung giờ và giới hạn phát", "policy.approve": "Đã duyệt khung giờ và giới hạn phát",
		"policy.draft": "Đã soạn quy chế hoạt động", "policy.submit": "Đã trình duyệt quy chế hoạt động", "policy.return": "Đã trả lại quy chế hoạt động", "policy.drop": "Đã bỏ bản nháp quy chế hoạt động",
		"key.root": "Đã ghim khóa gốc của tỉnh", "key.sign": "Khóa gốc đã ký bộ khóa", "key.next_root": "Đã chuyển sang khóa gốc mới", "key.ca": "Đã lập CA của tỉnh",
		"key.online": "Đã thay khóa máy chủ", "key.online_stolen": "Đã thay khóa máy chủ bị lộ", "key.online_lost": "Đã lập lại khóa máy chủ bị mất",
	}, action)
}

func groupText(group string) string {
	return word(map[string]string{"person.": "Tài khoản", "token.": "Mã API", "bulletin.": "Bản tin", "schedule.": "Lịch phát",
		"campaign.": "Đợt tuyên truyền", "plan.": "Kế hoạch nhập từ tệp", "policy.": "Khung giờ, giới hạn", "offer.": "Cấp trên gửi", "submission.": "Bài địa phương gửi lên", "key.": "Khóa", "device.": "Cụm loa", "area.": "Địa bàn", "command.": "Điều khiển từ xa", "alert.": "Khẩn cấp", "contact.": "Đầu mối liên hệ", "log.": "Nhật ký", "centre.": "Máy chủ"}, group)
}

// readAudit reads the filter in the address, and the entries. next is the address of the
// following page, "" at the end.
func (s *Server) readAudit(r *http.Request, keys ...string) (q url.Values, entries []radio.AuditEntry, next string, err error) {
	if q, err = strictQuery(r, append(keys, auditKeys...)...); err != nil {
		return q, nil, "", err
	}
	var e radio.Invalid
	f, err := s.auditFilter(r, &e, q)
	if err != nil {
		return q, nil, "", err
	}
	number := func(key string, least, most, otherwise int64) int64 {
		if q.Get(key) == "" {
			return otherwise
		}
		n, err := strconv.ParseInt(q.Get(key), 10, 64)
		if err != nil || n < least || n > most {
			e.Add(key, "số không đúng", "want a number from "+strconv.FormatInt(least, 10)+" to "+strconv.FormatInt(most, 10))
		}
		return n
	}
	before, limit := number("before", 1, 1<<62, 0), number("limit", 1, mostRows, auditAPage)
	if err := e.Err(); err != nil {
		return q, nil, "", err
	}
	// One more than a page holds tells whether there is another.
	entries, err = s.Staff.Audit(r.Context(), who(r), f, before, int(limit)+1)
	if err == nil && len(entries) > int(limit) {
		entries = entries[:limit]
		to := url.Values{}
		for key := range q {
			to.Set(key, q.Get(key))
		}
		to.Set("before", strconv.FormatInt(entries[limit-1].Seq, 10))
		next = r.URL.Path + "?" + to.Encode()
	}
	return q, entries, next, err
}

// auditFilter reads the filter in an address.
func (s *Server) auditFilter(r *http.Request, e *radio.Invalid, q url.Values) (radio.AuditFilter, error) {
	f := radio.AuditFilter{Subject: q.Get("subject"), Actor: q.Get("actor"), Action: q.Get("action"), Text: strings.TrimSpace(q.Get("q")),
		Via: radio.Via(q.Get("via")), Address: strings.TrimSpace(q.Get("address"))}
	f.From, f.To = s.midnight(e, "from", q.Get("from"), 0), s.midnight(e, "to", q.Get("to"), 1)
	for _, key := range []string{"q", "address"} {
		if v := q.Get(key); len(v) > mostSearch || !utf8.ValidString(v) || strings.ContainsFunc(v, radio.NoText) {
			e.Add(key, "quá dài hoặc không phải chữ", "too long, or no text")
		}
	}
	if area := radio.AreaID(q.Get("area")); area != "" {
		tree, err := s.tree(r)
		if err != nil {
			return f, err
		}
		if _, known := tree.Area(area); !known {
			e.Add("area", "không có địa bàn này", "no such area")
		}
		for _, a := range tree.All() {
			if slices.Contains(tree.Chain(a.ID), area) {
				f.Areas = append(f.Areas, a.ID)
			}
		}
		slices.Sort(f.Areas)
	}
	return f, nil
}

// midnight is the instant at which a civil day begins, or the one days after it.
func (s *Server) midnight(e *radio.Invalid, key, day string, days int) radio.Millis {
	if day == "" {
		return 0
	}
	t, err := time.ParseInLocation(time.DateOnly, day, s.zone)
	if err != nil || t.Year() < 2000 || t.Year() > 2200 {
		e.Add(key, "ngày không đúng", "want a day YYYY-MM-DD")
		return 0
	}
	return radio.At(t.AddDate(0, 0, days))
}

type auditData struct {
	Entries  []auditRow
	From, To string
	Q        string
	Address  string
	Groups   []choice
	Areas    []choice
	Ways     []choice
	Files    string   // the filter, for the addresses of the files
	Only     []string // one person or thing, which the form does not offer
	Actor    string
	Subject  string
	First    string // address of the first page, "" when this is it
	Next     string
}

func (s *Server) auditPage(w http.ResponseWriter, r *http.Request) error {
	q, entries, next, err := s.readAudit(r)
	if err != nil {
		return err
	}
	rows, err := s.auditRows(r, entries)
	if err != nil {
		return err
	}
	d := auditData{Entries: rows, From: q.Get("from"), To: q.Get("to"), Actor: q.Get("actor"), Subject: q.Get("subject"), Next: next, Q: q.Get("q"), Address: q.Get("address")}
	if d.Areas, err = s.auditAreas(r, radio.AreaID(q.Get("area"))); err != nil {
		return err
	}
	for _, via := range []radio.Via{radio.ViaWeb, radio.ViaAPI, radio.ViaCommand, radio.ViaDevice, radio.ViaCentre} {
		d.Ways = append(d.Ways, choice{string(via), s.say(r, viaText(via)), string(via) == q.Get("via")})
	}
	d.Files = fileQuery(q)
	groups := auditGroups
	if given := q.Get("action"); given != "" && !slices.Contains(groups, given) {
		groups = append(slices.Clone(groups), clip(given, 64))
	}
	for _, g := range groups {
		words := groupText(g)
		if !strings.HasSuffix(g, ".") {
			words = actionText(g)
		}
		d.Groups = append(d.Groups, choice{g, s.say(r, words), g == q.Get("action")})
	}
	if d.Actor != "" {
		d.Only = append(d.Only, s.say(r, "Người thực hiện: %s", nameIn(entries, d.Actor)))
	}
	if d.Subject != "" {
		d.Only = append(d.Only, s.say(r, "Đối tượng: %s", nameIn(entries, d.Subject)))
	}
	if q.Has("before") {
		q.Del("before")
		d.First = r.URL.Path + "?" + q.Encode()
	}
	return s.show(w, r, http.StatusOK, "audit.html", "Nhật ký hệ thống", d)
}

func (s *Server) apiAudit(w http.ResponseWriter, r *http.Request) error {
	_, entries, next, err := s.readAudit(r, "limit")
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, auditAnswer{list(entries), next})
}
