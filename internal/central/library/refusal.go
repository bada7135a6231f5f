package library

import (
	"fmt"

	"loaxa/internal/radio"
)

// Code names why an upload is refused. It is part of what `loaxa audio check` and
// the web API promise: codes are added, never renamed.
type Code string

// The codes.
const (
	CodeEmpty             Code = "empty"
	CodeTooLarge          Code = "too_large"
	CodeText              Code = "text"
	CodeHTML              Code = "html"
	CodeImage             Code = "image"
	CodeNotAudio          Code = "not_audio"
	CodeID3Bomb           Code = "id3_bomb"
	CodeVideoWithoutSound Code = "video_without_sound"
	CodeNoAudioStream     Code = "no_audio_stream"
	CodeDamaged           Code = "damaged"
	CodeTooShort          Code = "too_short"
	CodeTooLong           Code = "too_long"
	CodeSilence           Code = "silence"
	CodeTooHeavy          Code = "too_heavy"
	CodeHeaderFlood       Code = "header_flood"
	CodeArchive           Code = "archive"
	CodePlaylist          Code = "playlist"
	CodeEncrypted         Code = "encrypted"
	CodeIncomplete        Code = "incomplete"
	CodeImpossibleFormat  Code = "impossible_format"
	CodeUnsupportedCodec  Code = "unsupported_codec"
	CodeUnavailable       Code = "unavailable" // only in reports: nothing wrong was found with the file
)

// Warnings that go with an accepted upload; a person decides.
const (
	// WarnCutOff: it decodes to less than 98 % of what its header declares, or lacks
	// the end mark of its container. A person must confirm it.
	WarnCutOff = "cut_off"
	// WarnDamage: parts of it could not be decoded.
	WarnDamage = "damage"
	// WarnClipping: the recording is clipped at full scale.
	WarnClipping = "clipping"
	// WarnVeryQuiet: the recording was very quiet; its noise was raised with it.
	WarnVeryQuiet = "very_quiet"
	// WarnLongSilence: it is silent for more than ten seconds somewhere.
	WarnLongSilence = "long_silence"
	// WarnOneChannel: of two channels one is empty; the other was taken alone.
	WarnOneChannel = "one_channel"
	// WarnOutOfPhase: one channel is the other upside down, so that their mean would
	// be next to nothing; one was taken alone.
	WarnOutOfPhase = "out_of_phase"
	// WarnQuiet: true peak came first, so it stays under −17 LUFS.
	WarnQuiet = "quiet"
	// WarnNotNormalised: taken as it came, without ffmpeg, and outside −16 ± 1 LUFS
	// or over −1 dBTP.
	WarnNotNormalised = "not_normalised"
)

var reasons = map[Code][2]string{
	CodeEmpty:             {"Tệp rỗng (0 byte). Hãy xuất lại và tải lên lại.", "the file is empty"},
	CodeTooLarge:          {"Tệp quá lớn so với giới hạn cho phép.", "the file is larger than allowed"},
	CodeText:              {"Đây là tệp văn bản, không phải âm thanh.", "this is a text file, not audio"},
	CodeHTML:              {"Đây là trang web (HTML), không phải âm thanh. Có thể đã tải nhầm trang thay vì tệp.", "this is a web page (HTML), not audio; the page may have been saved in place of the file"},
	CodeImage:             {"Đây là tệp hình ảnh, không phải âm thanh.", "this is an image, not audio"},
	CodeNotAudio:          {"Không nhận ra âm thanh trong tệp này.", "no audio was recognised in this file"},
	CodeID3Bomb:           {"Thẻ ID3 của tệp khai kích thước sai. Hãy xuất lại tệp từ bản gốc.", "the file's ID3 tag declares an impossible size; export it again from the original"},
	CodeVideoWithoutSound: {"Đây là video không có tiếng.", "this is a video without sound"},
	CodeNoAudioStream:     {"Tệp không chứa luồng âm thanh nào.", "the file holds no audio stream"},
	CodeDamaged:           {"Tệp âm thanh bị hỏng, không giải mã được.", "the audio is damaged and cannot be decoded"},
	CodeTooShort:          {"Âm thanh quá ngắn (dưới 0,4 giây).", "the audio is too short (under 0.4 s)"},
	CodeTooLong:           {"Âm thanh dài hơn giới hạn cho phép.", "the audio is longer than allowed"},
	CodeSilence:           {"Tệp chỉ có im lặng hoặc gần như không nghe thấy gì.", "the file is silent, or all but silent"},
	CodeTooHeavy:          {"Xử lý tệp này vượt giới hạn bộ nhớ hoặc thời gian của máy chủ; tệp có thể bị hỏng hoặc bị làm giả.", "working on this file passed the limits of memory or processor time; it may be damaged or forged"},
	CodeHeaderFlood:       {"Tệp chỉ gồm các phần đầu khung MP3 lặp lại, không có âm thanh; tệp bị hỏng hoặc bị làm giả.", "the file repeats MP3 frame headers without sound between them; it is damaged or forged"},
	CodeArchive:           {"Đây là tệp nén hoặc tài liệu văn phòng, không phải âm thanh. Hãy giải nén rồi tải lên từng tệp âm thanh.", "this is an archive or an office document, not audio; unpack it and upload the audio itself"},
	CodePlaylist:          {"Đây là danh sách phát (chỉ chứa đường dẫn), không phải âm thanh. Hãy tải lên chính tệp âm thanh.", "this is a playlist, which only points at audio; upload the audio itself"},
	CodeEncrypted:         {"Tệp được mã hóa hoặc khóa bản quyền (DRM), không mở được. Hãy dùng bản không khóa.", "the audio is encrypted or copy-protected (DRM); use an unprotected copy"},
	CodeIncomplete:        {"Tệp chưa ghi xong hoặc tải lên thiếu: không có phần mục lục cần để mở. Hãy lấy lại tệp từ máy ghi rồi tải lên lại.", "the file is incomplete: the index needed to open it is missing; fetch it from the recorder again"},
	CodeImpossibleFormat:  {"Tệp khai tần số lấy mẫu hoặc số kênh không thể có thật. Hãy xuất lại với 44,1 hoặc 48 kHz, một hoặc hai kênh.", "the file declares an impossible sample rate or number of channels; export it again at 44.1 or 48 kHz with one or two channels"},
	CodeUnsupportedCodec:  {"Âm thanh trong tệp dùng kiểu nén không được hỗ trợ. Hãy xuất lại thành MP3 hoặc WAV.", "the audio uses a codec that is not supported; export it as MP3 or WAV"},
}

// Refused says that an upload is no usable audio, and why, in both languages.
type Refused struct {
	Code     Code   `json:"code"`
	ReasonVI string `json:"reason_vi"`
	ReasonEN string `json:"reason_en"`
}

// refuse makes a refusal; detail goes behind the English reason, for the log and
// for whoever helps the operator.
func refuse(code Code, detail string, args ...any) *Refused {
	r := &Refused{Code: code, ReasonVI: reasons[code][0], ReasonEN: reasons[code][1]}
	if detail = fmt.Sprintf(detail, args...); detail != "" {
		r.ReasonEN += ": " + detail
	}
	return r
}

// Error gives the code and the English reason.
func (r *Refused) Error() string { return fmt.Sprintf("refused (%s): %s", r.Code, r.ReasonEN) }

// Is makes errors.Is(err, radio.ErrInvalid) true: the upload is at fault, not we.
func (r *Refused) Is(target error) bool { return target == radio.ErrInvalid }

// As gives the refusal as radio.Invalid, so that pages show both reasons.
func (r *Refused) As(target any) bool {
	invalid, ok := target.(**radio.Invalid)
	if ok {
		*invalid = &radio.Invalid{Problems: []radio.Problem{{Field: "audio", VI: r.ReasonVI, EN: r.ReasonEN}}}
	}
	return ok
}
