/* analytics.tsx - how a room was or is: figures, who spoke how long, and what people heard. For those who run it. */

import { useEffect, useState } from "preact/hooks";
import { asVoiceroomError } from "@voicerooms/client";
import type { Analytics, VoiceroomError } from "@voicerooms/client";
import { currentLanguage, msg, t, tn } from "../i18n.js";
import { client } from "../identity.js";
import { FormError } from "./failure.js";

export function AnalyticsView({ room }: { room: string }) {
  const [data, setData] = useState<Analytics>();
  const [error, setError] = useState<VoiceroomError>();
  const load = () => {
    setError(undefined);
    client.analytics(room).then(setData, (cause) => setError(asVoiceroomError(cause)));
  };
  useEffect(load, [room]);
  if (error) {
    return (
      <>
        <FormError error={error} />
        <button type="button" class="button" onClick={load}>
          {t("Try again")}
        </button>
      </>
    );
  }
  if (!data) {
    return <p class="muted">{t("Loading…")}</p>;
  }
  return (
    <div class="analytics">
      <Tiles data={data} />
      <Speakers data={data} />
      <Sound data={data} />
    </div>
  );
}

const number = (value: number) => new Intl.NumberFormat(currentLanguage(), { maximumFractionDigits: 1 }).format(value);

export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) {
    return t("{n} s", { n: whole });
  }
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? t("{m} min {s} s", { m: minutes, s: whole % 60 }) : t("{h} h {m} min", { h: Math.floor(minutes / 60), m: minutes % 60 });
}

function Tiles({ data }: { data: Analytics }) {
  const tiles: [string, string][] = [
    [t("People"), number(data.unique)],
    [t("At once, at most"), number(data.peak)],
    [t("Stayed on average"), duration(data.mean_stay_s)],
    [t("Raised hands"), number(data.hands_raised)],
    [t("Reactions"), number(data.reactions)],
    [t("Messages"), number(data.chats)],
  ];
  return (
    <dl class="tiles">
      {tiles.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Speakers({ data }: { data: Analytics }) {
  const speakers = [...data.speakers].filter((one) => one.spoke_s > 0).sort((a, b) => b.spoke_s - a.spoke_s);
  const most = Math.max(1, ...speakers.map((one) => one.spoke_s));
  return (
    <section>
      <h3>{t("Who spoke")}</h3>
      {speakers.length === 0 && <p class="muted">{t("Nobody has spoken.")}</p>}
      <ul class="bar-chart">
        {speakers.slice(0, 12).map((one, index) => (
          <li key={index}>
            <span class="bar-name" dir="auto">
              {one.name || t("Someone")}
            </span>
            <svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
              <rect width={Math.max(1, (one.spoke_s / most) * 100)} height="10" />
            </svg>
            <span class="bar-value">{duration(one.spoke_s)}</span>
          </li>
        ))}
      </ul>
      {speakers.length > 12 && <p class="muted">{tn(speakers.length - 12, "and {n} more", "and {n} more")}</p>}
    </section>
  );
}

/* `good` is the bound below which nobody notices, `most` the end of the scale. */
const measures = [
  { name: "connect_ms", text: msg("Until sound came"), unit: "ms", good: 1000, most: 5000 },
  { name: "rtt_ms", text: msg("Round trip"), unit: "ms", good: 250, most: 1000 },
  { name: "capture_to_playout_ms", text: msg("From microphone to ear"), unit: "ms", good: 300, most: 1000 },
  { name: "latency_ms", text: msg("From the server to the ear"), unit: "ms", good: 250, most: 1000 },
  { name: "jitter_ms", text: msg("Jitter"), unit: "ms", good: 40, most: 200 },
  { name: "loss", text: msg("Lost on the way"), unit: "%", good: 0.03, most: 0.2 },
  { name: "concealment", text: msg("Made up for gaps"), unit: "%", good: 0.02, most: 0.2 },
] as const;

function Sound({ data }: { data: Analytics }) {
  const shown = measures.flatMap((measure) => {
    const value = data.quality?.[measure.name];
    return value ? [{ ...measure, value }] : [];
  });
  const written = (value: number, unit: string) => (unit === "%" ? `${number(value * 100)} %` : `${number(Math.round(value))} ms`);
  return (
    <section>
      <h3>{t("What people heard")}</h3>
      {shown.length === 0 && <p class="muted">{t("No browser has reported measurements yet.")}</p>}
      <ul class="bar-chart">
        {shown.map(({ name, text, unit, good, most, value }) => (
          <li key={name}>
            <span class="bar-name">{t(text)}</span>
            <svg class={`bar ${value.mean > good ? "over" : ""}`} viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
              <rect width={Math.min(100, Math.max(1, (value.mean / most) * 100))} height="10" />
              <path d={`M${(good / most) * 100} 0v10`} />
            </svg>
            <span class="bar-value">
              {t("{mean}, at worst {max}", { mean: written(value.mean, unit), max: written(value.max, unit) })}
            </span>
          </li>
        ))}
      </ul>
      {shown.length > 0 && <p class="hint">{t("The line is where people begin to notice.")}</p>}
    </section>
  );
}
