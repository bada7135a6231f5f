package web

import (
	"strconv"
	"strings"

	"loaxa/internal/radio"
)

// What the screen says of commands.

func commandText(k radio.CommandKind) string {
	return word(map[radio.CommandKind]string{
		radio.CommandVolume: "Đặt âm lượng", radio.CommandStop: "Dừng phát", radio.CommandSkip: "Bỏ qua, phát mục tiếp theo",
		radio.CommandPause: "Tạm dừng", radio.CommandResume: "Phát tiếp", radio.CommandTestTone: "Phát âm thử",
		radio.CommandRestart: "Khởi động lại bộ điều khiển",
	}, k)
}

// commandNote says what a command does, before it is confirmed.
func commandNote(k radio.CommandKind) string {
	return word(map[radio.CommandKind]string{
		radio.CommandVolume:   "Mức này cộng thêm vào âm lượng theo giờ, có hiệu lực ngay và giữ nguyên đến khi đặt lại. Phát khẩn cấp không bị ảnh hưởng.",
		radio.CommandStop:     "Nội dung đang phát dừng ngay, các mục còn lại của khung phát này bị hủy. Khung phát sau vẫn phát như lịch.",
		radio.CommandSkip:     "Nội dung đang phát dừng, mục kế tiếp của khung phát bắt đầu ngay.",
		radio.CommandPause:    "Nội dung đang phát dừng tạm; tối đa 30 phút, sau đó tự phát tiếp. Phần không còn kịp sẽ bị hủy.",
		radio.CommandResume:   "Phát tiếp từ hai giây trước chỗ tạm dừng.",
		radio.CommandTestTone: "Loa báo trước bằng lời rồi phát một tiếng ngắn, chỉ trong khung giờ được phép và khi không có gì đang phát.",
		radio.CommandRestart:  "Phần mềm của bộ điều khiển khởi động lại; nội dung đang phát bị ngắt.",
	}, k)
}

func receiptText(s radio.ReceiptState) string {
	return word(map[radio.ReceiptState]string{
		"": "đã gửi, chưa trả lời", radio.ReceiptReceived: "thiết bị đã nhận", radio.ReceiptAccepted: "đã nhận lệnh", radio.ReceiptRunning: "đang thực hiện",
		radio.ReceiptDone: "đã xong", radio.ReceiptRejected: "bị từ chối", radio.ReceiptFailed: "không làm được", radio.ReceiptExpired: "hết hạn, không trả lời",
	}, s)
}

// receiptTag is the color of a state.
func receiptTag(s radio.ReceiptState) string {
	switch s {
	case radio.ReceiptDone:
		return "aired"
	case radio.ReceiptRejected, radio.ReceiptFailed, radio.ReceiptExpired:
		return "missed"
	}
	return "pending"
}

// orderReason says why a command was not carried out.
func orderReason(r radio.Reason) string {
	if t, ok := (map[radio.Reason]string{
		radio.ReasonIdle: "không có gì đang phát", radio.ReasonBusy: "đang phát hoặc sắp phát nội dung khác", radio.ReasonPriority: "đang phát khẩn cấp hoặc có nội dung ưu tiên",
		radio.ReasonRange: "ngoài giới hạn cho phép", radio.ReasonExpired: "lệnh đến muộn, đã hết hạn", radio.ReasonOff: "thiết bị tắt hoặc khởi động lại giữa chừng",
	})[r]; ok {
		return t
	}
	return receiptReasonText(r)
}

// gain writes a volume as people say it.
func (sp speech) gain(db float64) string {
	text := strings.Replace(strconv.FormatFloat(db, 'f', -1, 64), "-", "−", 1)
	if sp.language != english {
		text = strings.Replace(text, ".", ",", 1)
	}
	return text + " dB"
}
