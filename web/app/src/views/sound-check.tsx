/* sound-check.tsx - before joining, for who wants to: does the microphone hear me, and how do I sound?
 *
 * Nothing is opened until the button is pressed, and all is closed with the view. The own voice is never played while it
 * is spoken: three seconds are recorded, and then played. */

import { useEffect, useRef, useState } from "preact/hooks";
import { levelStep, microphoneError, VoiceroomError } from "@voicerooms/client";
import type { MicrophoneOptions } from "@voicerooms/client";
import { t } from "../i18n.js";
import { savedMicrophone } from "../identity.js";
import { settings } from "../settings.js";
import { FormError } from "../ui/failure.js";
import { MicrophoneFields } from "../ui/microphones.js";

const RECORD_MS = 3_000;

export function SoundCheck() {
  const [open, setOpen] = useState(false);
  return (
    <details class="sound-check" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t("Check your microphone first")}</summary>
      {open && <Check />}
    </details>
  );
}

function Check() {
  const [stream, setStream] = useState<MediaStream>();
  const [error, setError] = useState<VoiceroomError>();
  const [busy, setBusy] = useState(false);
  const held = useRef<MediaStream | undefined>(undefined);
  const gone = useRef(false);
  const close = () => held.current?.getTracks().forEach((track) => track.stop());
  const hold = async (options: MicrophoneOptions) => {
    setBusy(true);
    setError(undefined);
    try {
      if (!navigator.mediaDevices) {
        throw new VoiceroomError({ code: "client-insecure" });
      }
      const fresh = await navigator.mediaDevices.getUserMedia({ audio: { ...options, channelCount: 1 } });
      close();
      held.current = fresh;
      setStream(fresh);
      if (gone.current) {
        close();
      }
    } catch (cause) {
      setError(cause instanceof VoiceroomError ? cause : microphoneError(cause));
    }
    setBusy(false);
  };
  useEffect(
    () => () => {
      gone.current = true;
      close();
    },
    [],
  );
  const now = (): MicrophoneOptions => ({ ...settings().microphone, deviceId: savedMicrophone() });
  return (
    <div class="device">
      <FormError error={error} />
      {!stream && (
        <button type="button" class="button" aria-busy={busy} onClick={() => void hold(now())}>
          {error ? t("Try again") : t("Open the microphone")}
        </button>
      )}
      {stream && <Meter stream={stream} />}
      {stream && <EchoTest stream={stream} />}
      <MicrophoneFields onChange={(options) => stream && void hold(options)} />
    </div>
  );
}

function Meter({ stream }: { stream: MediaStream }) {
  const [level, setLevel] = useState(0);
  useEffect(() => {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      setLevel(levelStep(Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length)));
    }, 100);
    return () => {
      clearInterval(timer);
      void context.close();
    };
  }, [stream]);
  return (
    <label class="field">
      <span>{t("What it hears")}</span>
      <meter min={0} max={4} value={level} />
    </label>
  );
}

function EchoTest({ stream }: { stream: MediaStream }) {
  const [state, setState] = useState<"idle" | "recording" | "playing">("idle");
  const sound = useRef<HTMLAudioElement | undefined>(undefined);
  useEffect(() => () => sound.current?.pause(), []);
  if (typeof MediaRecorder === "undefined") {
    return null;
  }
  const run = () => {
    const recorder = new MediaRecorder(stream);
    const parts: Blob[] = [];
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onstop = () => {
      const url = URL.createObjectURL(new Blob(parts, { type: recorder.mimeType }));
      const player = new Audio(url);
      sound.current = player;
      const done = () => {
        URL.revokeObjectURL(url);
        setState("idle");
      };
      player.onended = done;
      setState("playing");
      player.play().catch(done);
    };
    recorder.start();
    setState("recording");
    setTimeout(() => recorder.state !== "inactive" && recorder.stop(), RECORD_MS);
  };
  const texts = {
    idle: t("Record three seconds and hear them"),
    recording: t("Speak now…"),
    playing: t("This is how you sound"),
  };
  return (
    <button type="button" class="button" aria-live="polite" aria-busy={state !== "idle"} disabled={state !== "idle"} onClick={run}>
      {texts[state]}
    </button>
  );
}
