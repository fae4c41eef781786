// Collects a tenth of a second of the microphone's sound, and passes it to the page.
"use strict";

registerProcessor("sender", class extends AudioWorkletProcessor {
  constructor() {
    super();
    this.samples = [];
  }

  process([input]) {
    if (input.length) this.samples.push(...input[0]);
    if (this.samples.length >= 2400) {
      this.port.postMessage(Float32Array.from(this.samples));
      this.samples = [];
    }
    return true;
  }
});
