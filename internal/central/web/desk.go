package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"loaxa/internal/radio"
)

// Desk carries bulletins from draft to withdrawal (library).
type Desk interface {
	Create(ctx context.Context, form radio.Bulletin, audio io.Reader, by radio.UserID) (radio.Bulletin, error)
	Save(ctx context.Context, id radio.BulletinID, version int, form radio.Bulletin, audio io.Reader, by radio.UserID) (radio.Bulletin, error)
	Delete(ctx context.Context, id radio.BulletinID, version int, by radio.UserID) error
	Submit(ctx context.Context, id radio.BulletinID, version int, cutOffMeant bool, by radio.UserID) (radio.Bulletin, error)
	TakeBack(ctx context.Context, id radio.BulletinID, version int, by radio.UserID) (radio.Bulletin, error)
	Decide(ctx context.Context, id radio.BulletinID, version int, v radio.Verdict, by radio.Person) (radio.Bulletin, error)
	// Signable tells whether a version needs a signature, and whether by can give it; Ways
	// how, and Ask what their passkeys are to answer for that.
	Signable(b radio.Bulletin, by radio.UserID) radio.Signable
	Ways(ctx context.Context, b radio.Bulletin, by radio.UserID) (radio.SignWays, error)
	Ask(ctx context.Context, id radio.BulletinID, version int, by radio.Person) ([]radio.PasskeyAsk, error)
	Revise(ctx context.Context, id radio.BulletinID, version int, by radio.UserID) (radio.Bulletin, error)
	Listened(ctx context.Context, id radio.BulletinID, version int, sha radio.SHA256, spans []radio.Span, by radio.UserID) (radio.Hearing, error)
	Heard(ctx context.Context, b radio.Bulletin, by radio.UserID) (radio.Hearing, error)
	Reach(ctx context.Context, b radio.Bulletin, communes []radio.AreaID) (radio.BulletinReach, error)
}

// Shelf reads bulletins and what belongs to them (store).
type Shelf interface {
	ListBulletins(ctx context.Context, v radio.BulletinView, f radio.BulletinFilter, after radio.BulletinCursor, limit int) ([]radio.Bulletin, error)
	CountBulletins(ctx context.Context, v radio.BulletinView) (map[radio.BulletinState]int, error)
	BulletinVersions(ctx context.Context, id radio.BulletinID) ([]radio.Bulletin, error)
	BulletinsOfSource(ctx context.Context, source radio.SHA256) ([]radio.Bulletin, error)
	BulletinHistory(ctx context.Context, id radio.BulletinID) ([]radio.BulletinEvent, error)
	Waveform(ctx context.Context, sha radio.SHA256) ([]byte, error)
}

// Uploads takes files in pieces (library).
type Uploads interface {
	Create(ctx context.Context, by radio.UserID, length int64, name, metadata string) (radio.Upload, error)
	Find(ctx context.Context, id string, by radio.UserID) (radio.Upload, error)
	List(ctx context.Context, by radio.UserID) ([]radio.Upload, error)
	Append(ctx context.Context, id string, by radio.UserID, offset int64, piece io.Reader) (radio.Upload, error)
	Open(ctx context.Context, id string, by radio.UserID) (io.ReadCloser, error)
	Delete(ctx context.Context, id string, by radio.UserID) error
}

// deskError finds the Vietnamese words for what the desk refuses.
func deskError(step radio.BulletinStep, err error) error {
	var not *radio.NotHeard
	var unseen *radio.NotSeen
	var quota *radio.UploadQuota
	var invalid *radio.Invalid
	var own interface{ Vietnamese() string }
	switch {
	case err == nil, errors.As(err, &invalid), errors.Is(err, radio.ErrNotFound):
		return err
	case errors.As(err, &not) && not.Wait > 0:
		return told{err, fmt.Sprintf("Nghe hết bản tin mất đúng thời lượng của nó: hãy chờ thêm %d giây rồi duyệt.", int(not.Wait/time.Second)+1)}
	case errors.As(err, &not):
		return told{err, fmt.Sprintf("Phải nghe hết bản tin rồi mới duyệt; đã nghe %d %%. Hãy mở trang bản tin và nghe đến cuối.", not.Percent)}
	case errors.As(err, &unseen):
		return told{err, "Chưa nêu đúng lần trình duyệt đã xem (seen). Bản tin có thể đã được sửa và trình lại: hãy mở lại trang bản tin, xem rồi quyết định."}
	case errors.As(err, &quota):
		return told{err, fmt.Sprintf("Đang có %d tệp tải dở (nhiều nhất %d tệp, cộng lại 1 GB). Hãy dùng hoặc xóa bớt ở trang Bản tin mới.", quota.Open, quota.Limit)}
	case errors.As(err, &own), errors.Is(err, radio.ErrUnavailable):
		return err
	case errors.Is(err, radio.ErrForbidden) && step == radio.StepApprove:
		return told{err, "Người tải bản tin lên không được tự duyệt bản tin đó."}
	case errors.Is(err, radio.ErrForbidden):
		return told{err, "Chỉ người tạo bản nháp mới làm được việc này."}
	case errors.Is(err, radio.ErrConflict) && step == stepCreate:
		return told{err, "Mã này đã có bản tin mang. Hãy mở bản tin đó và tạo phiên bản mới, hoặc dùng mã khác."}
	case errors.Is(err, radio.ErrConflict) && step == radio.StepRevise:
		return told{err, "Bản tin đang có một phiên bản nháp hoặc chờ duyệt. Hãy làm tiếp phiên bản đó."}
	case errors.Is(err, radio.ErrConflict) && step == radio.StepEdit:
		return told{err, "Bản nháp đã được sửa ở nơi khác, hoặc không còn là bản nháp. Hãy mở lại trang bản tin."}
	case errors.Is(err, radio.ErrConflict):
		return told{err, "Bản tin đã có quyết định khác. Hãy mở lại trang bản tin để xem trạng thái mới."}
	case errors.Is(err, radio.ErrInvalid) && (step == radio.StepReject || step == radio.StepWithdraw):
		return told{err, "Quyết định chưa hợp lệ: từ chối hoặc thu hồi thì phải ghi lý do."}
	}
	return err
}

// stepCreate is the making of a first version, which is no step of an existing one.
const stepCreate radio.BulletinStep = "add"

// stepText says what was done, for the history.
func stepText(step radio.BulletinStep) string {
	return word(map[radio.BulletinStep]string{
		stepCreate: "Tạo bản nháp", radio.StepEdit: "Sửa", radio.StepDelete: "Xóa bản nháp", radio.StepSubmit: "Trình duyệt", radio.StepTakeBack: "Rút lại để sửa",
		radio.StepApprove: "Duyệt", radio.StepReapprove: "Duyệt lại", radio.StepReject: "Từ chối", radio.StepWithdraw: "Thu hồi",
	}, step)
}

// legalFields are the Vietnamese names of the legal fields, which the law fixes.
var legalFields = [...]string{"",
	"Thông tin chung", "Thông tin đột xuất", "Đường lối, chủ trương của Đảng, chính sách, pháp luật của Nhà nước",
	"Chỉ đạo, điều hành của cấp ủy, chính quyền cơ sở", "Kiến thức khoa học kỹ thuật, kinh tế, văn hóa, xã hội",
	"Gương người tốt, việc tốt, điển hình tiên tiến",
}

func legalFieldText(f radio.Field) string {
	if f < 1 || int(f) >= len(legalFields) {
		return ""
	}
	return legalFields[f]
}
