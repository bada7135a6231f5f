// Draws where the sound is on the waveform, and reports to the centre which stretches
// were played: who approves a bulletin has to listen to its end. The browser itself
// keeps the played ranges (HTMLMediaElement.played), so skipping forward does not count.
"use strict";
(() => {
  const box = document.getElementById("listen");
  const audio = box && box.querySelector("audio");
  if (!audio) return;
  const wave = box.querySelector(".wave"), head = document.getElementById("playhead");

  const draw = () => {
    if (head && audio.duration) head.setAttribute("width", String(400 * audio.currentTime / audio.duration));
  };
  audio.addEventListener("timeupdate", draw);
  audio.addEventListener("seeked", draw);
  if (wave) wave.addEventListener("click", (e) => {
    const r = wave.getBoundingClientRect(), at = (e.clientX - r.left) / r.width;
    if (audio.duration) audio.currentTime = at * audio.duration;
    else audio.play().catch(() => {});
  });

  const address = box.dataset.report;
  if (!address) return;

  const show = (h) => {
    const text = document.getElementById("heard");
    if (!text) return;
    text.classList.toggle("bad", !h.done);
    if (h.done) text.textContent = text.dataset.done;
    else if (h.wait_ms) text.textContent = text.dataset.wait + " " + Math.ceil(h.wait_ms / 1000) + " s";
    else text.textContent = text.dataset.part + " " + h.percent + " %";
    for (const b of document.querySelectorAll("#approve, [data-passkey]")) b.disabled = !h.done;
  };

  let timer = 0, sending = false, last = { done: false };
  const report = async () => {
    clearTimeout(timer);
    timer = 0;
    if (sending) return later(1000);
    sending = true;
    const spans = [], limit = Math.floor((audio.duration || 0) * 1000);
    for (let i = 0; i < audio.played.length && spans.length < 200; i++) {
      spans.push({ from_ms: Math.floor(audio.played.start(i) * 1000), to_ms: Math.min(Math.floor(audio.played.end(i) * 1000), limit) });
    }
    try {
      const answer = await fetch(address, {
        method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ sha256: box.dataset.sha256, spans }),
      });
      if (answer.ok) {
        last = await answer.json();
        show(last);
        if (last.wait_ms) later(Math.min(last.wait_ms + 300, 15000));
      } else if (answer.status >= 500) {
        later(5000);
      } else if (answer.status === 409) {
        location.reload(); // the audio is another one now
      }
    } catch {
      later(5000); // a weak link: the next report tells all of it again
    } finally {
      sending = false;
      if (!audio.paused && !timer) later(10000);
    }
  };
  const later = (ms) => { if (!timer) timer = setTimeout(report, ms); };

  audio.addEventListener("play", report);
  audio.addEventListener("pause", report);
  audio.addEventListener("ended", report);
  // The section with the text is replaced when the bulletin changes.
  new MutationObserver(() => { if (last.done) show(last); }).observe(document.getElementById("content"), { childList: true });
})();
