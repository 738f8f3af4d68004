// Ears in a page that count on the audio thread: how long was a tone not to be heard, whichever connection brought it?
// A receiver without packets goes on with a tone by itself for some 400 ms: what it made up is told beside the gaps.
// A page whose main thread stands still on a loaded machine hears on.

const INPUTS = 24; // tracks: four of each connection

/* Blocks of 10 ms: tones that are multiples of 100 Hz stand apart from each other in them (Goertzel). */
const WORKLET = `
const INPUTS = ${INPUTS};
registerProcessor('ear', class extends AudioWorkletProcessor {
  constructor({ processorOptions: { tones } }) {
    super();
    this.block = sampleRate / 100;
    this.tones = tones.map((f) => ({
      k: 2 * Math.cos(2 * Math.PI * f / sampleRate), a: new Float64Array(INPUTS), b: new Float64Array(INPUTS), missing: 0, longest: 0,
    }));
    this.count = this.late = 0;
    this.port.onmessage = ({ data }) => {
      if (data === 'begin') {
        for (const t of this.tones) t.missing = t.longest = 0;
        this.ran = this.late = 0;
      } else {
        this.port.postMessage({ gaps: this.tones.map((t) => 10 * t.longest), late: this.late });
      }
    };
  }

  /* Each track for itself: two copies of one tone may cancel each other out. */
  end() {
    for (const t of this.tones) {
      let loudest = 0;
      for (let n = 0; n < INPUTS; n++) {
        loudest = Math.max(loudest, t.a[n] * t.a[n] + t.b[n] * t.b[n] - t.k * t.a[n] * t.b[n]);
      }
      t.a.fill(0);
      t.b.fill(0);
      t.missing = 2 * Math.sqrt(loudest) / this.block > 0.01 ? 0 : t.missing + 1;
      t.longest = Math.max(t.longest, t.missing);
    }
    this.count = 0;
  }

  hear(sound, n, from, to) {
    for (const t of this.tones) {
      let a = t.a[n], b = t.b[n];
      for (let i = from; i < to; i++) [a, b] = [sound[i] + t.k * a - b, a];
      t.a[n] = a;
      t.b[n] = b;
    }
  }

  process(inputs) {
    const now = Date.now();
    if (this.ran) this.late = Math.max(this.late, now - this.ran);
    this.ran = now;
    for (let from = 0; from < 128;) {
      const to = Math.min(128, from + this.block - this.count);
      inputs.forEach((input, n) => { if (input[0]) this.hear(input[0], n, from, to); });
      this.count += to - from;
      from = to;
      if (this.count === this.block) this.end();
    }
    return true;
  }
});
`;

/** Before a page is entered: its content security policy would keep the ear out. */
export async function mayListen(page) {
  const devtools = await page.context.newCDPSession(page.page);
  await devtools.send('Page.setBypassCSP', { enabled: true });
}

/** Begins to count at this page for the tones of `others`. */
export async function listenFor(page, others) {
  await page.evaluate(async ({ tones, worklet, inputs }) => {
    const { rig } = window;
    await rig.earContext?.close(); // the ear of before
    const context = new AudioContext({ sampleRate: 48000 });
    rig.earContext = context;
    await context.resume();
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([worklet], { type: 'text/javascript' })));
    const ear = new AudioWorkletNode(context, 'ear', { numberOfInputs: inputs, channelCount: 1, channelCountMode: 'explicit', processorOptions: { tones } });
    const known = new Set();
    const connect = () => {
      for (const pc of rig.connections.filter((one) => one.connectionState !== 'closed')) {
        for (const { track } of pc.getReceivers()) {
          if (track?.kind === 'audio' && !known.has(track)) {
            context.createMediaStreamSource(new MediaStream([track])).connect(ear, 0, known.size);
            known.add(track);
          }
        }
      }
    };
    // A connection that is made while we count is heard from its first moment on.
    rig.native ??= window.RTCPeerConnection;
    window.RTCPeerConnection = class extends rig.native {
      constructor(...args) {
        super(...args);
        this.addEventListener('track', connect);
      }
    };
    connect();
    ear.connect(new MediaStreamAudioDestinationNode(context));
    rig.ear = ear;
    rig.concealed = (await rig.inbound()).concealedSamples;
    rig.before = rig.connections.length;
    await new Promise((done) => setTimeout(done, 500));
    ear.port.postMessage('begin');
  }, { tones: others.map((p) => p.tone), worklet: WORKLET, inputs: INPUTS });
}

/** {gaps: ms for each tone, concealed: ms made up on all tracks of the newest connection, late: ms for which the audio
 * thread was not run, moves: connections made meanwhile} */
export function listened(page) {
  return page.evaluate(async () => {
    const { rig } = window;
    const heard = new Promise((done) => { rig.ear.port.onmessage = ({ data }) => done(data); });
    rig.ear.port.postMessage('end');
    const concealed = ((await rig.inbound()).concealedSamples - rig.concealed) / 48;
    return { ...await heard, concealed, moves: rig.connections.length - rig.before };
  });
}
