package explain

import "loaxa/internal/radio"

// rule is one line of the table of self-diagnosis: what is seen together, and what a
// person should do about it.
type rule struct {
	id string
	// ends: with this nothing else is worth saying, or nothing else is known.
	ends bool
	fits func(signs) bool
	seen func(signs) words
	do   words
}

func always(w words) func(signs) words { return func(signs) words { return w } }

// linked says whether what the device says of itself can be relied on.
func linked(s signs) bool { return s.online && s.clock == radio.SignFine }

// rules stand in the order in which they are told: first what makes the rest moot, then
// the likeliest cause.
var rules = []rule{
	{"retired", true, func(s signs) bool { return !s.enrolled && s.retired },
		always(say("Cụm loa đã ngừng sử dụng.", "The cluster is out of use.")),
		say("Không cần làm gì.", "Nothing is to be done.")},
	{"revoked", true, func(s signs) bool { return !s.enrolled && s.revoked },
		always(say("Danh tính của bộ điều khiển đã bị thu hồi.", "The controller's identity was taken away.")),
		say("Lấy mã đăng ký mới ở trang này và đăng ký lại bộ điều khiển.", "Take a new enrolment code on this page and enrol the controller again.")},
	{"not_enrolled", true, func(s signs) bool { return !s.enrolled },
		always(say("Bộ điều khiển chưa đăng ký.", "The controller is not enrolled.")),
		say("Lấy mã đăng ký ở trang này và làm theo hướng dẫn lắp đặt.", "Take an enrolment code on this page and follow the installer's guide.")},
	{"never_heard", true, func(s signs) bool { return !s.heard },
		always(say("Đã đăng ký nhưng chưa bao giờ kết nối.", "Enrolled, but it has never connected.")),
		say("Kiểm tra nguồn điện, SIM hoặc dây mạng, và địa chỉ máy chủ trong cấu hình bộ điều khiển.", "Check power, SIM or network cable, and the server's address in the controller's configuration.")},
	{"area_out", true, func(s signs) bool { return !s.online && s.around >= 2 && 3*s.away >= 2*s.around },
		func(s signs) words {
			return say("Mất kết nối cùng %d trong %d cụm loa khác của xã/phường.", "Not connected, and so are %d of the commune's %d other clusters.", s.away, s.around)
		},
		say("Hỏi điện lực và nhà mạng về sự cố của cả khu vực trước khi đến từng cụm loa.", "Ask the power company and the network operator about the area before anybody goes to a pole.")},
	{"offline", true, func(s signs) bool { return !s.online },
		func(s signs) words {
			return say("Cụm loa này mất kết nối, liên lạc cuối %s; %d trong %d cụm loa khác của xã/phường vẫn kết nối.", "This cluster is not connected, last heard of at %s; %d of the commune's %d other clusters are.",
				s.lastSeen, s.around-s.away, s.around)
		},
		say("Đến cụm loa: xem đèn nguồn, cầu chì, rồi SIM (còn dung lượng, còn sóng) hoặc dây mạng.", "Go there: look at the power light and the fuse, then at the SIM (data, signal) or the network cable.")},
	{"turned_away", false, func(s signs) bool { return s.turnedAway },
		always(say("Máy chủ MQTT từ chối danh tính của bộ điều khiển.", "The broker turns the controller's identity away.")),
		say("Cấp mã đăng ký mới và đăng ký lại.", "Hand out a new enrolment code and enrol it again.")},
	{"cloned", false, func(s signs) bool { return s.cloned },
		always(say("Hai bộ điều khiển dùng chung một danh tính.", "Two controllers use one identity.")),
		say("Tìm bo mạch dùng thẻ nhớ sao chép và tắt nó; nếu không tìm thấy thì thu hồi danh tính và đăng ký lại.", "Find the board with the copied card and switch it off, or take the identity away and enrol again.")},
	{"no_output", false, func(s signs) bool { return linked(s) && !s.soundless && s.because(radio.ReasonOutput) >= 2 },
		func(s signs) words {
			return say("%d lượt liền không ra được âm thanh, trong khi kết nối tốt, đồng hồ tốt.", "No output for %d slots, while link and clock are fine.", s.because(radio.ReasonOutput))
		},
		say("Kiểm tra dây loa, giắc cắm và thẻ âm thanh (USB) của bộ điều khiển; sau đó phát âm thử.", "Check the speaker cable, the plugs and the controller's (USB) sound card; then play a test tone.")},
	{"output_failed", false, func(s signs) bool {
		return s.online && s.output == radio.SignBad && !(linked(s) && s.because(radio.ReasonOutput) >= 2)
	},
		func(s signs) words {
			if s.outputError == "" {
				return say("Đầu ra âm thanh bị lỗi.", "The sound output has failed.")
			}
			return say("Đầu ra âm thanh bị lỗi: %s", "The sound output has failed: %s", s.outputError)
		},
		say("Phát âm thử từ trang này; nếu vẫn lỗi thì kiểm tra thẻ âm thanh.", "Play a test tone from this page; if it fails again, check the sound card.")},
	{"soundless", false, func(s signs) bool { return s.online && s.soundless },
		always(say("Bộ điều khiển chạy ở chế độ không có thiết bị âm thanh.", "The controller runs without a sound device.")),
		say("Sửa phần output trong cấu hình bộ điều khiển: chọn oto hoặc alsa.", "Mend the output in the controller's configuration: choose oto or alsa.")},
	{"amplifier", false, func(s signs) bool { return s.online && s.amplifier == radio.SignBad },
		always(say("Công tắc tăng âm không nghe lệnh.", "The amplifier's switch does not obey.")),
		say("Kiểm tra rơ-le và nguồn của tăng âm.", "Check the relay and the amplifier's power.")},
	{"clock", false, func(s signs) bool { return s.online && s.clock == radio.SignBad },
		always(say("Kết nối tốt nhưng đồng hồ không tin cậy: chỉ phát khẩn cấp, lượt theo lịch không phát.", "The link is fine but the clock is not trusted: only emergencies sound.")),
		say("Kiểm tra dịch vụ giờ (NTP) và pin đồng hồ của bộ điều khiển; tạm thời đặt giờ tại trang nội bộ bằng mã PIN.", "Check the time service (NTP) and the controller's clock battery; until then set the time on its local page with the PIN.")},
	{"assumed_clock", false, func(s signs) bool { return s.online && s.assumed },
		always(say("Đồng hồ chỉ được giả định, cấu hình dùng để thử.", "Its clock is only assumed: a configuration for trials.")),
		say("Bỏ cấu hình giả định giờ, bật dịch vụ giờ.", "Take the assumed clock out of the configuration and turn the time service on.")},
	{"crashes", false, func(s signs) bool { return s.crashes >= 2 },
		func(s signs) words {
			return say("Phần mềm bộ điều khiển tự khởi động lại %d lần trong 24 giờ.", "The agent started again after a crash %d times in 24 hours.", s.crashes)
		},
		say("Gửi nhật ký của bộ điều khiển cho đơn vị hỗ trợ; kiểm tra thẻ nhớ.", "Send the controller's system log to support; check its memory card.")},
	{"restarts", false, func(s signs) bool { return s.restarts >= 4 && s.crashes < 2 },
		func(s signs) words {
			return say("Bộ điều khiển khởi động %d lần trong 24 giờ.", "The controller started %d times in 24 hours.", s.restarts)
		},
		say("Nguồn điện chập chờn: kiểm tra bộ nguồn, ổ cắm và mối nối.", "The power is unsteady: check the adapter, the socket and the joints.")},
	{"power_cuts", false, func(s signs) bool { return s.online && s.because(radio.ReasonOff) >= 2 },
		func(s signs) words {
			return say("%d lượt liền không phát vì thiết bị tắt vào giờ đó, nay lại kết nối.", "%d slots on end were missed because the device was off then; it is connected now.", s.because(radio.ReasonOff))
		},
		say("Xem có ai ngắt điện hoặc hẹn giờ ổ cắm theo giờ phát không.", "See whether somebody, or a timer socket, cuts the power at those hours.")},
	{"journal_stuck", false, func(s signs) bool { return s.online && s.silent() >= 2 },
		func(s signs) words {
			return say("Kết nối tốt nhưng %d lượt liền không có xác nhận; còn %d bản ghi chưa gửi.", "The link is fine, but %d slots on end have no confirmation; %d records are not sent yet.", s.silent(), s.unsent)
		},
		say("Chờ mười phút; nếu vẫn vậy thì khởi động lại bộ điều khiển từ trang này và xem cụm có phát thật không.", "Wait ten minutes; if nothing changes restart the controller from this page, and find out whether it really sounded.")},
	{"disk_full", false, func(s signs) bool { return s.online && s.measuredDisk && s.freeBytes < diskLow },
		func(s signs) words {
			return say("Bộ nhớ sắp hết: còn %d MB.", "The disk is nearly full: %d MB are left.", max(s.freeBytes, 0)>>20)
		},
		say("Thay thẻ nhớ lớn hơn hoặc xóa tệp không thuộc Loa Xã trên đó.", "Put in a larger card, or delete files on it that are not Loa Xã's.")},
	{"no_audio", false, func(s signs) bool {
		return s.online && (s.because(radio.ReasonNoAudio) >= 1 || s.missing > 0) && !(s.measuredDisk && s.freeBytes < diskLow)
	},
		func(s signs) words {
			if s.missing == 0 {
				return say("Kết nối tốt nhưng lượt gần nhất thiếu âm thanh.", "The link is fine, but the last airing lacked its audio.")
			}
			return say("Kết nối tốt nhưng thiếu %d tệp âm thanh trên thiết bị.", "The link is fine, but %d audio files are not on the device.", s.missing)
		},
		say("Đường truyền chậm hoặc hết dung lượng SIM: kiểm tra gói cước; tải xong thì tự phát.", "The line is slow or its data used up: check the plan; it plays by itself once it has the audio.")},
	{"unproven", false, func(s signs) bool {
		return s.online && (s.unproven > 0 || s.because(radio.ReasonSignature) >= 1)
	},
		func(s signs) words {
			if s.unproven == 0 {
				return say("Lượt gần nhất bị từ chối vì không có chữ ký duyệt hợp lệ.", "The last airing was refused: no approver's signature held.")
			}
			return say("Thiết bị từ chối %d tệp âm thanh vì không có chữ ký duyệt hợp lệ.", "The device refuses %d audio files: no approver's signature holds.", s.unproven)
		},
		say("Duyệt lại bản tin bằng khóa ký còn hiệu lực.", "Approve the bulletins again with a key that holds.")},
	{"not_synced", false, func(s signs) bool { return s.online && !s.synced },
		func(s signs) words {
			return say("Kết nối tốt nhưng chưa nhận chương trình gửi lúc %s.", "The link is fine, but the programme sent at %s has not arrived.", s.issuedAt)
		},
		say("Khởi động lại bộ điều khiển từ trang này; nếu vẫn vậy thì xem mục lỗi của thiết bị.", "Restart the controller from this page; if that does not help look at the device's faults.")},
	{"policy", false, func(s signs) bool { return s.because(radio.ReasonPolicy) >= 2 },
		func(s signs) words {
			return say("%d lượt liền bị quy định khung giờ từ chối; thiết bị không hỏng.", "The permitted hours refused %d slots on end; the device is not broken.", s.because(radio.ReasonPolicy))
		},
		say("Dời giờ của lịch phát, hoặc sửa quy định khung giờ của địa phương.", "Move the schedule's slots, or change the permitted hours.")},
	{"decoder", false, func(s signs) bool { return s.online && s.because(radio.ReasonDecoder) >= 2 },
		func(s signs) words {
			return say("%d lượt liền không giải mã được âm thanh.", "The audio of %d slots on end could not be decoded.", s.because(radio.ReasonDecoder))
		},
		say("Khởi động lại bộ điều khiển để tải lại; nếu lặp lại thì thẻ nhớ hỏng, hãy thay.", "Restart the controller so that it fetches again; if it comes back, replace the memory card.")},
	{"paused", false, func(s signs) bool { return s.online && s.paused },
		always(say("Có người đã ra lệnh tạm dừng.", "Somebody ordered it to pause.")),
		say("Ra lệnh phát tiếp ở trang này.", "Order it to resume on this page.")},
	{"quiet", false, func(s signs) bool { return s.online && s.volumeDB <= -20 },
		func(s signs) words {
			return say("Âm lượng đang bị giảm %s bằng lệnh từ xa.", "The volume is turned down by %s from afar.", decibels(-s.volumeDB))
		},
		say("Đặt lại âm lượng ở trang này.", "Set the volume again on this page.")},
	{"mute_audio", false, func(s signs) bool { return s.online && s.mute },
		always(say("Lượt vừa phát phần lớn là im lặng: lỗi ở tệp âm thanh, không phải ở loa.", "Most of what sounded last was digital silence: the file is at fault, not the loudspeaker.")),
		say("Nghe lại bản tin ở máy chủ; thu lại nếu cần.", "Listen to the bulletin at the centre; record it again if need be.")},
	{"certificate", false, func(s signs) bool { return s.certificate != "" },
		func(s signs) words {
			return say("Chứng thư của thiết bị hết hạn lúc %s.", "The device's certificate ends at %s.", s.certificate)
		},
		say("Khởi động lại để nó tự gia hạn; nếu không được thì đăng ký lại.", "Restart it so that it renews it by itself; if that fails, enrol it again.")},
}
