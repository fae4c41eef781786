// The page for a try: a recording by HTTP, the microphone by WebSocket.
"use strict";

const get = (id) => document.getElementById(id);
const RATE = 24000; // Hz, of the sound that is sent
let live = null;

function say(text) {
  get("said").textContent = text;
}

async function showState() {
  try {
    const answer = await fetch("health");
    const state = await answer.json();
    get("state").textContent = `${state.engine} ${state.model}: ${state.status}`;
    if (!answer.ok) setTimeout(showState, 1000);
  } catch {
    get("state").textContent = "The server doesn't answer.";
  }
}

async function send(file) {
  const form = new FormData();
  form.append("file", file);
  form.append("response_format", "verbose_json");
  if (get("language").value) form.append("language", get("language").value);
  const headers = get("key").value ? { Authorization: `Bearer ${get("key").value}` } : {};
  get("text").textContent = "";
  say(`Transcribing ${file.name} ...`);
  try {
    const answer = await fetch("v1/audio/transcriptions", { method: "POST", body: form, headers });
    const body = await answer.json();
    if (!answer.ok) return say(body.error.message);
    get("text").textContent = body.segments.map((segment) => segment.text).join("\n");
    const warnings = body.warnings.map((warning) => warning.message).join("; ");
    say(warnings ? `Done, but: ${warnings}` : `Done: ${body.duration.toFixed(1)} s.`);
  } catch (error) {
    say(`The server doesn't answer: ${error.message}`);
  }
}

function base64(samples) {
  const data = new Int16Array(samples.length);
  samples.forEach((sample, at) => {
    data[at] = Math.max(-1, Math.min(1, sample)) * 32767;
  });
  return btoa(Array.from(new Uint8Array(data.buffer), (byte) => String.fromCharCode(byte)).join(""));
}

function show(event) {
  const kind = event.type.split(".").pop();
  if (event.type === "error") say(event.error.message);
  else if (kind === "delta") get("live").textContent += event.delta;
  else if (kind === "completed") {
    get("text").textContent += `${event.transcript}\n`;
    get("live").textContent = "";
  } else if (kind === "failed") say(event.error.message);
  else if (kind === "speech_started") say("Listening: speech.");
  else if (kind === "speech_stopped") say("Listening.");
}

async function begin() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const context = new AudioContext({ sampleRate: RATE });
  await context.audioWorklet.addModule("worklet.js");
  const url = new URL("v1/realtime?intent=transcription", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const key = get("key").value;
  const protocols = ["realtime", ...(key ? [`openai-insecure-api-key.${key}`] : [])];
  const socket = new WebSocket(url, protocols);
  const end = () => {
    stream.getTracks().forEach((track) => track.stop());
    context.close();
    get("microphone").setAttribute("aria-pressed", "false");
    get("microphone").textContent = "Speak into the microphone";
    live = null;
  };
  socket.onmessage = (message) => show(JSON.parse(message.data));
  socket.onclose = () => {
    if (live) end();
    say("The microphone is off.");
  };
  socket.onopen = () => {
    const language = get("language").value || null;
    const input = { format: { type: "audio/pcm", rate: RATE }, transcription: { language } };
    socket.send(JSON.stringify({
      type: "session.update", session: { type: "transcription", audio: { input } },
    }));
    const node = new AudioWorkletNode(context, "sender");
    node.port.onmessage = ({ data }) => {
      if (socket.readyState === WebSocket.OPEN) {
        socket.send(JSON.stringify({ type: "input_audio_buffer.append", audio: base64(data) }));
      }
    };
    context.createMediaStreamSource(stream).connect(node);
    say("Listening.");
  };
  live = {
    stop() {
      if (socket.readyState === WebSocket.OPEN) {
        socket.send(JSON.stringify({ type: "input_audio_buffer.commit" }));
        setTimeout(() => socket.close(), 5000); // the last text comes before
      }
      end();
    },
  };
  get("microphone").setAttribute("aria-pressed", "true");
  get("microphone").textContent = "Stop";
}

get("file").addEventListener("change", (event) => {
  if (event.target.files.length) send(event.target.files[0]);
});
get("drop").addEventListener("dragover", (event) => {
  event.preventDefault();
  get("drop").classList.add("over");
});
get("drop").addEventListener("dragleave", () => get("drop").classList.remove("over"));
get("drop").addEventListener("drop", (event) => {
  event.preventDefault();
  get("drop").classList.remove("over");
  if (event.dataTransfer.files.length) send(event.dataTransfer.files[0]);
});
get("settings").addEventListener("submit", (event) => event.preventDefault());
get("microphone").addEventListener("click", () => {
  if (live) live.stop();
  else begin().catch((error) => say(`The microphone can't be used: ${error.message}`));
});
showState();
