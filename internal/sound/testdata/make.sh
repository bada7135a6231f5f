#!/bin/sh
# Makes the house-format samples of this package's tests: a falling and rising tone
# with clicks and noise (long and short blocks), 3.2 s, both bit rates.
# Needs sox and ffmpeg. Run in this folder: sh make.sh
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
sox -R -n -r 44100 -c 1 -b 16 "$tmp/tone.wav" synth 3.2 sine 200-2500 sine 3000-300 remix - tremolo 5 60 gain -6
sox -R -n -r 44100 -c 1 -b 16 "$tmp/noise.wav" synth 3.2 noise synth 3.2 square amod 3 gain -20
sox -R -m "$tmp/tone.wav" "$tmp/noise.wav" "$tmp/mix.wav" gain -n -3
for kbps in 64 32; do
	ffmpeg -nostdin -v error -y -i "$tmp/mix.wav" -map 0:a:0 -vn -ar 44100 -ac 1 -c:a libmp3lame \
		-b:a ${kbps}k -reservoir 0 -write_xing 0 -id3v2_version 0 -write_id3v1 0 -map_metadata -1 \
		-f mp3 "house-$kbps.mp3"
done
