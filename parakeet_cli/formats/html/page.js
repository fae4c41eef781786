
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const audio = $("audio");
  const wave = $("wave");
  const duration = Number(document.body.dataset.duration);
  const root = document.documentElement;
  // The page as it was written, for a copy with other names: nothing below has changed it yet.
  const whos = [...document.querySelectorAll("b.who")];
  const written = whos.length ? `<!doctype html>\n${root.outerHTML}\n` : "";
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  // ---- words: three arrays, in the order of time -------------------------------------
  const spans = [], starts = [], ends = [];
  const paragraphs = [...document.querySelectorAll("p[data-t]")];
  for (const p of paragraphs) {
    const times = p.dataset.t.split(" ");
    let at = 0;
    for (const span of p.children) {
      if (span.tagName !== "SPAN") continue;
      spans.push(span);
      starts.push(times[at++] / 1000);
      ends.push(times[at++] / 1000);
    }
  }
  const indexOf = new Map(spans.map((span, index) => [span, index]));

  /** The last word that starts at or before `time`, or -1. */
  const wordAt = (time) => {
    let low = 0, high = starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= time) low = middle + 1; else high = middle;
    }
    return low - 1;
  };

  // ---- the clock: the recording's own where there is one -----------------------------
  let position = 0;
  const playable = () => audio && !audio.error;
  const now = () => (playable() && audio.readyState ? audio.currentTime : position);
  const spoken = (time) => {
    const s = Math.max(0, Math.floor(time)), two = (n) => String(n).padStart(2, "0");
    const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
    return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
  };

  const seek = (time) => {
    position = Math.min(Math.max(0, time), duration);
    if (playable()) audio.currentTime = position;
    following = touched = true;
    show(true, position);
  };
  const toggle = () => {
    if (!playable()) return;
    if (audio.paused) { following = touched = true; audio.play().catch(() => {}); } else audio.pause();
  };

  // ---- what is shown of it -----------------------------------------------------------
  let lit = -1, last = -1, nowPara = null, following = true, touched = false, second = -1;
  const show = (scroll, time = now()) => {
    const index = touched ? wordAt(time + 0.02) : -1;
    // A word stays lit through a short pause, so that reading along does not blink.
    const until = Math.min(starts[index + 1] ?? Infinity, ends[index] + 0.6);
    const next = index >= 0 && time < until ? index : -1;
    if (next !== lit) {
      if (lit >= 0) spans[lit].classList.remove("lit");
      if (next >= 0) spans[next].classList.add("lit");
      lit = next;
    }
    const para = index >= 0 ? spans[index].closest(".para") : null;
    if (para !== nowPara) {
      nowPara?.classList.remove("now");
      para?.classList.add("now");
      nowPara = para;
    }
    if (scroll && following && index >= 0 && index !== last) reveal(spans[index]);
    last = scroll ? index : -1;
    $("follow").hidden = following || !playable() || audio.paused;
    if (wave) {
      const share = duration ? Math.min(1, time / duration) : 0;
      $("needle").style.left = `${100 * share}%`;
      $("played").setAttribute("width", share * wave.querySelector("svg").viewBox.baseVal.width);
    }
    const whole = Math.floor(time);
    if (whole === second) return;
    second = whole;
    $("clock").innerHTML = `${spoken(time)} <span>/ ${spoken(duration)}</span>`;
    wave?.setAttribute("aria-valuenow", whole);
    wave?.setAttribute("aria-valuetext", `${spoken(time)} of ${spoken(duration)}`);
  };

  /** Scrolls only when the word has left the quiet middle of the window. */
  const reveal = (element, tries = 4) => {
    const box = element.getBoundingClientRect();
    const top = $("deck").getBoundingClientRect().bottom;
    if (box.top > top + 24 && box.bottom < innerHeight - 72) return;
    const by = box.top - top - (innerHeight - top) / 3;
    const far = Math.abs(by) > 2 * innerHeight;
    scrollBy({ top: by, behavior: far || calm.matches ? "instant" : "smooth" });
    // Paragraphs far away have a guessed height until they are drawn: look again.
    if (far && tries) requestAnimationFrame(() => reveal(element, tries - 1));
  };

  let frame = 0;
  const tick = () => { show(true); frame = audio.paused ? 0 : requestAnimationFrame(tick); };

  // ---- the recording -----------------------------------------------------------------
  const mute = () => { document.body.classList.add("mute"); show(false); };
  if (audio) {
    audio.addEventListener("play", () => {
      document.body.classList.add("playing");
      $("play").setAttribute("aria-label", "Pause");
      if (!frame) frame = requestAnimationFrame(tick);
    });
    audio.addEventListener("pause", () => {
      document.body.classList.remove("playing");
      $("play").setAttribute("aria-label", "Play");
      show(false);
    });
    for (const event of ["seeked", "timeupdate"]) audio.addEventListener(event, () => show(!audio.paused));
    audio.addEventListener("loadedmetadata", () => { if (position) audio.currentTime = position; });
    const broken = () => {
      mute();
      const note = document.createElement("p");
      note.className = "note";
      note.textContent = audio.getAttribute("src").startsWith("data:")
        ? "This browser can’t play the recording."
        : `The recording can’t be played. It is looked for at ${decodeURI(audio.getAttribute("src"))}, beside this page.`;
      $("controls").before(note);
    };
    if (audio.error) broken(); else audio.addEventListener("error", broken, { once: true });
    $("play").addEventListener("click", toggle);
    $("speed").addEventListener("change", (event) => { audio.playbackRate = Number(event.target.value); });
  } else mute();
  const faster = (step) => {
    const speed = $("speed");
    speed.selectedIndex = Math.min(Math.max(0, speed.selectedIndex + step), speed.options.length - 1);
    if (audio) audio.playbackRate = Number(speed.value);
  };

  // ---- words and times that are clicked ----------------------------------------------
  $("transcript").addEventListener("click", (event) => {
    const index = indexOf.get(event.target.closest("p[data-t] > span"));
    if (index !== undefined && getSelection().isCollapsed) seek(starts[index]);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.time");
    if (!link) return;
    event.preventDefault();
    history.replaceState(null, "", link.hash);
    fromHash();
  });
  const fromHash = () => {
    const match = /^#t=(\d+(?:\.\d+)?)$/.exec(location.hash);
    if (match) seek(Number(match[1]));
  };
  addEventListener("hashchange", fromHash);

  // ---- who speaks: names that can be changed, and saved in a copy of the page ---------
  const names = new Map();
  const rename = (number, name) => {
    names.set(number, name);
    for (const who of whos) if (who.dataset.who === number) who.textContent = name;
    $("save").hidden = false;
  };
  const edit = (who) => {
    const input = document.createElement("input");
    input.className = who.className;
    input.value = who.textContent;
    input.setAttribute("aria-label", "Name of the speaker");
    let ended = false;
    const end = (accept) => {
      if (ended) return;
      ended = true;
      const name = input.value.trim();
      input.replaceWith(who);
      if (accept && name && name !== who.textContent) rename(who.dataset.who, name);
      who.focus();
    };
    input.addEventListener("blur", () => end(true));
    input.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Enter") end(true);
      if (event.key === "Escape") end(false);
    });
    who.replaceWith(input);
    input.select();
  };
  for (const who of whos) {
    who.tabIndex = 0;
    who.title = "Change this speaker’s name";
    who.setAttribute("role", "button");
    who.addEventListener("click", () => edit(who));
    who.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      edit(who);
    });
  }
  $("save")?.addEventListener("click", () => {
    const copy = new DOMParser().parseFromString(written, "text/html");
    for (const who of copy.querySelectorAll("b.who")) {
      who.textContent = names.get(who.dataset.who) ?? who.textContent;
    }
    const link = document.createElement("a");
    const page = new Blob([`<!doctype html>\n${copy.documentElement.outerHTML}\n`], { type: "text/html" });
    link.href = URL.createObjectURL(page);
    link.download = decodeURIComponent(location.pathname.split("/").pop()) || "transcript.html";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });

  // ---- the waveform as a slider ------------------------------------------------------
  if (wave) {
    const attributes = { role: "slider", tabindex: 0, "aria-valuemin": 0, "aria-valuemax": Math.floor(duration) };
    for (const [name, value] of Object.entries(attributes)) wave.setAttribute(name, value);
    const hint = wave.appendChild(document.createElement("div"));
    hint.id = "hint";
    hint.hidden = true;
    const timeOf = (event) => {
      const box = wave.getBoundingClientRect();
      return duration * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    };
    wave.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      wave.setPointerCapture(event.pointerId);
      seek(timeOf(event));
    });
    wave.addEventListener("pointermove", (event) => {
      const time = timeOf(event);
      hint.hidden = false;
      hint.textContent = spoken(time);
      hint.style.left = `${100 * time / duration}%`;
      if (wave.hasPointerCapture(event.pointerId)) seek(time);
    });
    wave.addEventListener("pointerleave", () => { hint.hidden = true; });
    $("needle").hidden = false;
  }

  // ---- search ------------------------------------------------------------------------
  // Words are compared without case, accents and the marks around them.
  const bare = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const plain = (text) => bare(text).replace(/[^\p{L}\p{N}'’-]+/gu, " ").trim();
  let said = null, offsets = [];
  let hits = [], current = -1;
  const prepare = () => {
    said = "";
    spans.forEach((span, index) => {
      const spaced = index && (span.previousSibling?.nodeType === Node.TEXT_NODE || !span.previousSibling);
      said += (spaced ? " " : "");
      offsets.push(said.length);
      said += plain(span.textContent);
    });
  };
  const wordOf = (offset) => {
    let low = 0, high = offsets.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (offsets[middle] <= offset) low = middle + 1; else high = middle;
    }
    return low - 1;
  };
  const search = () => {
    const wanted = plain($("query").value);
    for (const [from, to] of hits) for (let i = from; i <= to; i++) spans[i].classList.remove("hit", "now");
    hits = [];
    current = -1;
    if (wanted) {
      if (said === null) prepare();
      for (let at = said.indexOf(wanted); at >= 0; at = said.indexOf(wanted, at + wanted.length)) {
        hits.push([wordOf(at), wordOf(at + wanted.length - 1)]);
      }
    }
    for (const [from, to] of hits) for (let i = from; i <= to; i++) spans[i].classList.add("hit");
    mark();
    if (hits.length) step(1, Math.max(0, hits.findIndex(([from]) => starts[from] >= now())));
    else $("count").textContent = wanted ? "none" : "";
  };
  const step = (by, to = current + by) => {
    if (!hits.length) return;
    paint("remove");
    current = (to + hits.length) % hits.length;
    paint("add");
    following = false;
    reveal(spans[hits[current][0]]);
    $("count").textContent = `${current + 1} of ${hits.length}`;
  };
  const paint = (change) => {
    if (current < 0) return;
    for (let i = hits[current][0]; i <= hits[current][1]; i++) spans[i].classList[change]("now");
    $("found")?.children[current]?.classList[change]("now");
  };
  const mark = () => {
    const found = $("found");
    if (!found) return;
    const scale = wave.querySelector("svg").viewBox.baseVal;
    found.replaceChildren(...hits.map(([from]) => {
      const tick = $("played").cloneNode();
      const x = scale.width * starts[from] / duration;
      tick.removeAttribute("id");
      for (const [name, value] of Object.entries({ x, y: scale.height - 7, width: 1, height: 7 })) tick.setAttribute(name, value);
      return tick;
    }));
  };
  let waiting = 0;
  $("query").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(search, 120); });
  $("search").addEventListener("submit", (event) => event.preventDefault());
  $("query").addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter") {
      event.preventDefault();
      if (waiting) { clearTimeout(waiting); waiting = 0; if (current < 0) { search(); return; } }
      step(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape") {
      if (hits.length) seek(starts[hits[current][0]]);
      event.target.value = "";
      search();
      event.target.blur();
    }
  });

  // ---- the rest of the controls ------------------------------------------------------
  $("doubt")?.addEventListener("change", (event) => document.body.classList.toggle("sure", !event.target.checked));
  $("copy").addEventListener("click", async (event) => {
    const text = paragraphs.map((p) => p.textContent).join("\n\n");
    try {
      await navigator.clipboard.writeText(text);
      event.target.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren($("transcript"));
      event.target.textContent = "Selected";
    }
    setTimeout(() => { event.target.textContent = "Copy text"; }, 1600);
  });
  $("keys").addEventListener("click", () => $("help").showModal());
  $("close").addEventListener("click", () => $("help").close());
  $("follow").addEventListener("click", () => { following = true; show(true); });
  for (const event of ["wheel", "touchmove"]) {
    addEventListener(event, () => { if (audio && !audio.paused) { following = false; show(false); } }, { passive: true });
  }

  const paragraphStep = (by) => {
    const at = paragraphs.indexOf(nowPara?.querySelector("p[data-t]"));
    const to = paragraphs[Math.min(Math.max(0, at + by), paragraphs.length - 1)];
    const first = to && indexOf.get(to.querySelector("span"));
    if (first !== undefined) seek(starts[first]);
  };
  const doubtful = () => {
    const at = wordAt(now() + 0.02);
    const next = spans.findIndex((span, index) => index > at && span.className.includes("d"));
    if (next >= 0) seek(starts[next]);
  };
  const wordStep = (by) => {
    const to = wordAt(now() + 0.02) + by;
    if (to >= 0 && to < starts.length) seek(starts[to]);
  };
  const keys = {
    " ": toggle, ArrowLeft: () => seek(now() - 5), ArrowRight: () => seek(now() + 5),
    ",": () => wordStep(-1), ".": () => wordStep(1), j: () => paragraphStep(1), k: () => paragraphStep(-1),
    "<": () => faster(-1), ">": () => faster(1), d: doubtful, "?": () => $("help").showModal(),
    "/": () => { $("query").focus(); $("query").select(); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
    const onWave = event.target === wave;
    if (onWave && event.key === "Home") { event.preventDefault(); seek(0); return; }
    if (onWave && event.key === "End") { event.preventDefault(); seek(duration); return; }
    if (event.target.closest("input, select, textarea")) return;
    if (event.key === " " && event.target.closest("button, a, summary")) return;
    if (event.key in keys) { event.preventDefault(); keys[event.key](); }
  });

  $("controls").hidden = false;
  root.classList.add("live");
  show(false);
  fromHash();
})();
