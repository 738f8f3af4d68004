// In a page: when is something heard again after a silence? Every 2 ms it looks whether decoded sound holds anything.

/** To be evaluated in the listener's page, once. `rig.heardAt`: the page's own wall clock; set it to null to listen again. */
export function listenForOnset() {
  const context = new AudioContext({ sampleRate: 48000 });
  const ears = [];
  const samples = new Float32Array(256);
  for (const { track } of window.rig.connections.at(-1).getReceivers()) {
    if (track?.kind !== 'audio') continue;
    const ear = new AnalyserNode(context, { fftSize: 256, smoothingTimeConstant: 0 });
    context.createMediaStreamSource(new MediaStream([track])).connect(ear);
    ears.push(ear);
  }
  window.rig.heardAt = null;
  setInterval(() => {
    if (window.rig.heardAt !== null) return;
    for (const ear of ears) {
      ear.getFloatTimeDomainData(samples);
      if (samples.some((s) => Math.abs(s) > 0.02)) window.rig.heardAt = performance.timeOrigin + performance.now();
    }
  }, 2);
  return context.resume();
}
