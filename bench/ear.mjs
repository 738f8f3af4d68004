// Two real Chromium pages: how long from the mouth of one to the ear of the other, and how fast a page is in.
//
//     VOICEROOMD=build/release/nodes/voiceroomd node bench/ear.mjs
//
// The speaker's microphone is a tone that is let through in taps; the listener's page looks every 2 ms whether its
// decoded sound holds something. Both pages are of one browser on one machine, so they share a clock. What the sound
// card would add on both sides is not in it. Prints one line of JSON.
//
// A join is from the call of the library's join() to its promise: the person is in, and his browser has the server's answer.
// Each is the first of a fresh page. join_prepared_ms: as the server's page does it, with prepare() called while the door
// is shown, and ended before; join_ms: by a page that calls join() alone. In turns, so that both see the same machine.
// Nothing asks the browser for figures before a join has ended; first audio is looked for after it, every 10 ms.
import { setTimeout as sleep } from 'node:timers/promises';
import { openBrowser, Page } from '../tests/lib/chromium.mjs';
import { enter } from '../tests/lib/enter.mjs';
import { listenForOnset } from '../tests/lib/onset.mjs';
import { Node } from '../tests/lib/voiceroomd.mjs';

const TAPS = 15;
const JOINS = 20;

const share = (values, p) => [...values].sort((a, b) => a - b)[Math.floor(p * (values.length - 1))];
const round = (ms) => Math.round(ms * 10) / 10;

async function tap(speaker, listener) {
  await listener.evaluate(() => { window.rig.heardAt = null; });
  const said = await speaker.evaluate(() => {
    window.rig.gain.gain.value = 0.5;
    return performance.timeOrigin + performance.now();
  });
  await listener.page.waitForFunction(() => window.rig.heardAt !== null, null, { timeout: 5000, polling: 20 });
  const heard = await listener.evaluate(() => window.rig.heardAt);
  await speaker.evaluate(() => { window.rig.gain.gain.value = 0; });
  return heard - said;
}

/* What a join costs this browser without any server: the same steps in a fresh page, answered with a text that is there.
 * `answer` is that of another page of this browser, whose offers are alike. */
async function bare(page, { answer, sections }) {
  await page.page.goto(`${page.node.url}/?e2e=1`);
  await page.page.waitForFunction(() => window.voicerooms?.client);
  return page.evaluate(async ([sdp, count]) => {
    const start = performance.now();
    const peer = new RTCPeerConnection({ iceServers: [], bundlePolicy: 'max-bundle' });
    for (let i = 0; i < count; i++) peer.addTransceiver('audio', { direction: i === 0 ? 'sendonly' : 'recvonly' });
    await peer.setLocalDescription(await peer.createOffer());
    await peer.setRemoteDescription({ type: 'answer', sdp });
    const took = performance.now() - start;
    peer.close();
    return took;
  }, [answer, sections]);
}

/* Of the page's join: the request alone, from its first byte to the answer's, and what `bare` needs. */
function chainOf(page) {
  return page.evaluate(() => {
    const request = performance.getEntriesByType('resource').find((one) => one.name.endsWith('/join'));
    const peer = window.rig.connections.at(-1);
    return {
      request: request.responseStart - request.requestStart,
      answer: peer.remoteDescription.sdp,
      sections: peer.getTransceivers().length,
    };
  });
}

const node = await new Node().start();
let browser;
try {
  browser = await openBrowser();
  const speaker = await Page.open(browser, node, 'mouth', 700);
  const listener = await Page.open(browser, node, 'ear', 1100);
  const room = await enter(speaker, { create: 'Ear' });
  await enter(listener, { room, quiet: false });
  await listener.evaluate(listenForOnset);
  await speaker.evaluate(() => { window.rig.gain.gain.value = 0; });
  await sleep(1500);
  const delays = [];
  for (let i = 0; i < TAPS; i++) {
    delays.push(await tap(speaker, listener));
    await sleep(500 + 13 * i); // silence reaches the ear, and the next tap falls elsewhere in the 20 ms
  }
  await speaker.evaluate(() => { window.rig.gain.gain.value = 0.5; });
  const ways = [{ prepared: true, joins: [], sounds: [] }, { prepared: false, joins: [], sounds: [] }];
  const requests = [];
  const floors = [];
  for (let i = 0; i < JOINS; i++) {
    let chain;
    for (const way of ways) {
      const page = await Page.open(browser, node, `guest${i}`, 1500);
      await enter(page, { room, prepared: way.prepared, quiet: false });
      way.joins.push(page.joinMs);
      way.sounds.push(page.soundMs);
      chain = await chainOf(page);
      requests.push(chain.request);
      await page.context.close();
    }
    const empty = await Page.open(browser, node, `bare${i}`, 1500);
    floors.push(await bare(empty, chain));
    await empty.context.close();
  }
  const [prepared, alone] = ways;
  console.log(JSON.stringify({
    taps: TAPS, joins: JOINS,
    mouth_to_ear_ms_p50: round(share(delays, 0.5)), mouth_to_ear_ms_p95: round(share(delays, 0.95)),
    join_prepared_ms_p50: round(share(prepared.joins, 0.5)), join_prepared_ms_p95: round(share(prepared.joins, 0.95)),
    join_ms_p50: round(share(alone.joins, 0.5)), join_ms_p95: round(share(alone.joins, 0.95)),
    join_request_ms_p50: round(share(requests, 0.5)), join_request_ms_p95: round(share(requests, 0.95)),
    join_bare_ms_p50: round(share(floors, 0.5)), join_bare_ms_p95: round(share(floors, 0.95)),
    first_audio_prepared_ms_p50: round(share(prepared.sounds, 0.5)), first_audio_prepared_ms_p95: round(share(prepared.sounds, 0.95)),
    first_audio_ms_p50: round(share(alone.sounds, 0.5)), first_audio_ms_p95: round(share(alone.sounds, 0.95)),
  }));
} finally {
  await browser?.close();
  await node.stop();
}
