/* muted-speech.ts - "you speak while muted": a muted microphone's track is silent, so a second one listens, here only.
 *
 * A clone of the open track is measured; nothing of it is sent. Only while muted by oneself and on stage. */

import { useEffect, useState } from "preact/hooks";
import type { Room } from "@voicerooms/client";

const LOOK_MS = 150;
/* Half of what a second and a half held was loud. */
const NEEDED = 5;
const SHOWN_MS = 4_000;
const LOUD = 0.02;

/** Of the last looks, how loud each was: is that speech. Pure. */
export function isSpeech(levels: readonly number[]): boolean {
  return levels.filter((level) => level > LOUD).length >= NEEDED;
}

export function useSpeaksMuted(room: Room, muted: boolean): boolean {
  const [speaks, setSpeaks] = useState(false);
  useEffect(() => {
    const track = room.microphoneTrack;
    if (!muted || !track || typeof AudioContext === "undefined") {
      setSpeaks(false);
      return undefined;
    }
    const copy = track.clone();
    copy.enabled = true;
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    const source = context.createMediaStreamSource(new MediaStream([copy]));
    source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    let levels: number[] = [];
    let until = 0;
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      levels = [...levels.slice(-9), Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length)];
      if (isSpeech(levels)) {
        until = performance.now() + SHOWN_MS;
      }
      setSpeaks(performance.now() < until);
    }, LOOK_MS);
    return () => {
      clearInterval(timer);
      copy.stop();
      void context.close();
    };
  }, [room, muted, room.microphoneTrack]);
  return speaks;
}
