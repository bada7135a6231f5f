package preview

import (
	"fmt"

	"loaxa/internal/radio"
)

// fix says how to solve a conflict, in Vietnamese and English: what a person does next,
// at which page.
func (n names) fix(m merged) (vi, en string) {
	switch m.kind {
	case radio.ConflictOverlap:
		return n.fixOverlap(m)
	case radio.ConflictHours:
		return fixHours(m.what)
	case radio.ConflictAudio:
		return fixAudio(m.what)
	case radio.ConflictValidity:
		if m.what == string(radio.ReasonNotYet) {
			return "Cho lịch bắt đầu muộn hơn hoặc sửa thời hạn của bản tin.", "Begin the schedule later or change the bulletin's dates."
		}
		return "Gia hạn bản tin, thay bản tin khác hoặc cho lịch kết thúc sớm hơn.", "Extend the bulletin, take another one or end the schedule earlier."
	case radio.ConflictNotInTime:
		return fixNotInTime(m.what)
	case radio.ConflictSlot:
		return fixSlot(m)
	case radio.ConflictPriority:
		return "Chọn mức ưu tiên hoặc thông thường; tin khẩn cấp phát bằng lệnh khẩn cấp.", "Choose priority or normal; emergencies go out as alerts."
	case radio.ConflictTarget:
		return fixTarget(m.what)
	}
	if m.refusal != nil && m.refusal.what == unissuable {
		return "Sửa lịch phát được nêu; cụm loa giữ chương trình cũ cho đến khi sửa xong.", "Mend the schedule that is named; the devices keep their old programme until then."
	}
	return "Bớt khung giờ hoặc rút bớt lịch; cụm loa giữ chương trình cũ cho đến khi sửa xong.", "Take slots or schedules out; the devices keep their old programme until then."
}

func (n names) fixOverlap(m merged) (vi, en string) {
	free, mine := n.nextMinute(m.clear), n.schedule(m.schedule)
	switch m.what {
	case whatShifted:
		return fmt.Sprintf("Dời khung giờ sang %s hoặc muộn hơn.", free), fmt.Sprintf("Move the slot to %s or later.", free)
	case whatDropped:
		return fmt.Sprintf("Dời khung giờ sang %s hoặc muộn hơn, hoặc rút ngắn nội dung.", free), fmt.Sprintf("Move the slot to %s or later, or shorten what plays.", free)
	case whatPushes:
		return fmt.Sprintf("Chọn giờ khác cho lịch %s nếu không muốn vậy.", mine), fmt.Sprintf("Choose another time for %s if that is not meant.", mine)
	}
	return fmt.Sprintf("Chọn giờ khác cho lịch %s.", mine), fmt.Sprintf("Choose another time for %s.", mine)
}

func fixHours(what string) (vi, en string) {
	switch what {
	case whatOdd:
		return "Nơi này cho phép, nhưng hãy xem lại giờ có đúng không.", "The place permits it, but make sure the hour is meant."
	case whatCrosses:
		return "Dời khung giờ sớm hơn hoặc rút ngắn nội dung.", "Move the slot earlier or shorten what plays."
	case whatMourning:
		return "Thêm các ngày này vào danh sách ngày nghỉ của lịch.", "Add these days to the schedule's exception dates."
	case whatException:
		return "Thêm các ngày này vào danh sách ngày nghỉ của lịch hoặc dời giờ.", "Add the dates to the schedule's exception dates or move the slot."
	case whatQuiet:
		return "Dời khung giờ ra ngoài giờ yên tĩnh này.", "Move the slot out of these quiet hours."
	case whatSessions:
		return "Gộp vào một phiên khác (sát giờ nhau) hoặc bớt phiên.", "Let it follow another session at once, or take one out."
	case whatOustsSessions:
		return "Gộp các phiên sát giờ nhau hoặc bớt phiên.", "Let sessions follow each other at once, or take one out."
	case whatMinutes, whatOustsMinutes:
		return "Rút ngắn nội dung hoặc bớt lượt phát.", "Shorten what plays or take airings out."
	}
	return "Dời khung giờ vào trong giờ được phép.", "Move the slot into the permitted hours."
}

func fixAudio(what string) (vi, en string) {
	switch what {
	case whatUnknown:
		return "Chọn bản tin khác.", "Choose another bulletin."
	case whatUnsigned:
		return "Mở bản tin và ký duyệt lại.", "Open the bulletin and sign again."
	case whatElsewhere:
		return "Thu hẹp nơi nhận của lịch hoặc thay bản tin khác.", "Narrow the schedule's places or choose another bulletin."
	}
	return "Duyệt bản tin hoặc thay bản tin khác.", "Approve the bulletin or choose another one."
}

func fixNotInTime(what string) (vi, en string) {
	switch what {
	case whatUnheard, whatOffline:
		return "Kiểm tra nguồn điện và đường truyền.", "Check power and link."
	case whatBehind:
		return "Xem tình trạng các cụm loa này.", "Look at these devices."
	case whatSlowLink:
		return "Dời ngày bắt đầu, rút ngắn nội dung, hoặc cho các cụm loa này tải bản 32 kbit/s.", "Begin later, shorten what plays, or let these devices fetch the 32 kbit/s rendition."
	case whatOverCap:
		return "Cho các cụm loa này tải bản 32 kbit/s, bớt nội dung, hoặc mua thêm dung lượng.", "Let these devices fetch the 32 kbit/s rendition, take content out, or buy more data."
	}
	return "Dời ngày bắt đầu, hoặc chấp nhận bỏ lượt đầu.", "Begin later, or accept that the first airing is missed."
}

func fixSlot(m merged) (vi, en string) {
	switch m.what {
	case whatUnplayable:
		return "Sửa khung giờ.", "Mend the slot."
	case whatEmpty:
		if m.slot == "" {
			return "Thêm khung giờ.", "Add a slot."
		}
		return "Thêm bản tin hoặc xóa khung giờ.", "Add a bulletin or remove the slot."
	case whatGone:
		return "Sửa giờ hoặc ngày kết thúc.", "Change its time or the last day."
	case whatNever:
		return "Xem lại giờ, ngày bắt đầu, ngày kết thúc và ngày nghỉ.", "Check its rule, the first and last day and the exception dates."
	case whatOver:
		return "Sửa ngày kết thúc.", "Change the last day."
	case whatZone:
		return "Đổi múi giờ của lịch.", "Change its zone."
	}
	return "Thay bằng bản tin âm thanh.", "Use an audio bulletin."
}

func fixTarget(what string) (vi, en string) {
	switch what {
	case whatUnknown:
		return "Chọn lại nơi phát.", "Choose the places again."
	case whatEmpty:
		return "Chọn địa bàn hoặc cụm loa.", "Choose an area or a device."
	case whatRetired:
		return "Bỏ cụm loa này khỏi lịch, hoặc đăng ký lại.", "Take the device out of the schedule, or enrol it again."
	case whatIdle:
		return "Đăng ký các bộ điều khiển còn lại ở trang Cụm loa.", "Enrol the controllers that are left, on the devices page."
	}
	return "Thêm cụm loa ở nơi này, hoặc bỏ nơi này khỏi lịch.", "Add devices there, or take the place out of the schedule."
}
