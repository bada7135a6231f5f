#!/bin/sh
# Makes every sample of this folder. All of it is ours: the tune and the siren are
# written out below, the voice is espeak-ng's Vietnamese one reading our own
# sentences. Needs espeak-ng, sox and ffmpeg (Debian). Run in this folder: sh make.sh
# The same versions of the tools give the same bytes (sox -R, no tags).
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# A sample is an input to the intake, like any upload: 44.1 kHz mono at 96 kbit/s.
# The intake sets loudness and makes the house format.
finish() { # name, wav
	ffmpeg -nostdin -v error -y -i "$2" -map 0:a:0 -ar 44100 -ac 1 -c:a libmp3lame -b:a 96k \
		-map_metadata -1 -id3v2_version 0 -write_id3v1 0 -f mp3 "$1.mp3"
}

# say reads standard input into a WAV: northern voice, a little slower than usual,
# because a horn across a field blurs quick speech.
say() { # wav
	espeak-ng -v vi -s 170 -p 45 -g 2 -w "$tmp/said.wav" --stdin
	sox -R "$tmp/said.wav" -r 44100 -c 1 -b 16 "$1" gain -6 highpass 120 treble -2 gain -n -3 pad 0.1 0.25
}

# note plays one plucked note with its octave below.
note() { # wav, pitch, seconds
	sox -R -n -r 44100 -c 1 -b 16 "$1" synth "$3" pluck "$2" synth "$3" sine mix "$2" gain -9 fade t 0.005 "$3" 0.25
}

# tune: nhạc hiệu, our own nine notes in the five-tone scale on G.
notes=
i=0
for n in G4:0.32 A4:0.32 C5:0.32 D5:0.5 C5:0.25 D5:0.25 E5:0.4 D5:0.3 G5:1.4; do
	i=$((i + 1))
	note "$tmp/n$i.wav" "${n%:*}" "${n#*:}"
	notes="$notes $tmp/n$i.wav"
done
sox -R $notes "$tmp/tune.wav" reverb 25 gain -n -3 pad 0.05 0.1
finish tune "$tmp/tune.wav"

# ident: lời xướng.
say "$tmp/ident.wav" <<'TEXT'
Đây là đài truyền thanh xã. Kính mời bà con cùng lắng nghe.
TEXT
finish ident "$tmp/ident.wav"

# closing: lời kết, then the tune's last notes.
say "$tmp/thanks.wav" <<'TEXT'
Chương trình của đài đến đây là hết. Cảm ơn bà con đã lắng nghe.
TEXT
sox -R "$tmp/n7.wav" "$tmp/n8.wav" "$tmp/n9.wav" "$tmp/end.wav" reverb 25 gain -n -3 pad 0.05 0.1
sox -R "$tmp/thanks.wav" "$tmp/end.wav" "$tmp/closing.wav"
finish closing "$tmp/closing.wav"

# siren: còi báo động, twice up and down in six seconds, with overtones for horns.
sox -R -n -r 44100 -c 1 -b 16 "$tmp/up.wav" synth 1.5 sine 420:860 synth 1.5 triangle mix 840:1720 gain -6
sox -R -n -r 44100 -c 1 -b 16 "$tmp/down.wav" synth 1.5 sine 860:420 synth 1.5 triangle mix 1720:840 gain -6
sox -R "$tmp/up.wav" "$tmp/down.wav" "$tmp/up.wav" "$tmp/down.wav" "$tmp/siren.wav" fade t 0.02 0 0.05
finish siren "$tmp/siren.wav"

# The agent carries its rendition at 32 kbit/s (internal/agent/siren.mp3): go test . -update
# makes both from this one.

# drill: the announcement that goes with every drill.
say "$tmp/drill.wav" <<'TEXT'
Đây là diễn tập. Đây là diễn tập. Không có nguy hiểm. Bà con cứ yên tâm sinh hoạt như thường. Xin nhắc lại: đây là diễn tập.
TEXT
finish drill "$tmp/drill.wav"

# lead-in: what comes between the siren and the words of an alert.
say "$tmp/lead-in.wav" <<'TEXT'
Thông báo khẩn cấp. Thông báo khẩn cấp. Mời bà con chú ý lắng nghe.
TEXT
finish lead-in "$tmp/lead-in.wav"

# all-ok: báo yên, when the danger is over.
say "$tmp/all-ok.wav" <<'TEXT'
Báo yên. Báo yên. Tình huống khẩn cấp đã kết thúc. Bà con trở lại sinh hoạt bình thường.
TEXT
finish all-ok "$tmp/all-ok.wav"

# test-tone: 1 kHz, for installers.
sox -R -n -r 44100 -c 1 -b 16 "$tmp/tone.wav" synth 5 sine 1000 gain -16 fade t 0.02 0 0.02
finish test-tone "$tmp/tone.wav"

# nq57-1…3: three short bulletins for the campaign on Resolution 57-NQ/TW (22 December
# 2024, Politburo); our sentences, after what the province's plan asks to be told.
say "$tmp/nq57-1.wav" <<'TEXT'
Bà con thân mến! Ngày hai mươi hai tháng mười hai năm hai nghìn không trăm hai mươi tư, Bộ Chính trị đã ra Nghị quyết số năm mươi bảy. Muốn làm ăn khấm khá, sản xuất và đời sống đều phải dựa vào khoa học, công nghệ và chuyển đổi số.
TEXT
finish nq57-1 "$tmp/nq57-1.wav"
say "$tmp/nq57-2.wav" <<'TEXT'
Bình dân học vụ số là phong trào để ai cũng biết dùng công nghệ. Học một chút mỗi ngày: gọi hình cho con cháu, đọc tin chính thống, nộp hồ sơ qua mạng. Tuổi nào cũng học được, thôn nào cũng học được.
TEXT
finish nq57-2 "$tmp/nq57-2.wav"
say "$tmp/nq57-3.wav" <<'TEXT'
Chưa quen dịch vụ công trực tuyến, bà con hãy hỏi tổ công nghệ số cộng đồng ở thôn, tổ dân phố mình. Anh chị em trong tổ sẽ chỉ từng bước. Xin nhớ: không đưa mật khẩu, mã xác thực cho bất kỳ ai.
TEXT
finish nq57-3 "$tmp/nq57-3.wav"
