/* create.tsx - a new room: a title is enough, the rest has good values. */

import { useEffect, useRef, useState } from "preact/hooks";
import { asVoiceroomError } from "@voicerooms/client";
import type { RoomSettings, Visibility, VoiceroomError } from "@voicerooms/client";
import { asGuest, client } from "../identity.js";
import { currentLanguage, languageName, msg, t } from "../i18n.js";
import { goTo } from "../route.js";
import { FormError } from "../ui/failure.js";
import { NameField } from "../ui/name-field.js";
import { TopBar } from "../ui/topbar.js";
import { expectEntry } from "./gate.js";

/* The most spoken ones; a room without a language is found under any. */
export const spoken = ["ar", "bn", "de", "en", "es", "fa", "fr", "hi", "id", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sw", "tr", "uk", "ur", "vi", "zh"];

const visibilities: { value: Visibility; name: string; hint: string }[] = [
  { value: "public", name: msg("Public"), hint: msg("Listed for everyone") },
  { value: "unlisted", name: msg("Unlisted"), hint: msg("Only with the link") },
  { value: "private", name: msg("Private"), hint: msg("With the link and a passcode") },
];

export function Create() {
  const [visibility, setVisibility] = useState<Visibility>("public");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<VoiceroomError>();
  const key = useRef(newKey());
  /* Who makes a room goes in at once. */
  useEffect(() => void client.prepare(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const name = String(form.get("name") ?? "").trim();
    const passcode = String(form.get("passcode") ?? "");
    setBusy(true);
    setError(undefined);
    try {
      const room = await asGuest(name, () => client.createRoom(settingsOf(form), key.current));
      expectEntry(room.id, passcode || undefined);
      goTo({ view: "room", id: room.id });
    } catch (cause) {
      key.current = newKey();
      setError(asVoiceroomError(cause));
      setBusy(false);
    }
  };
  return (
    <div class="page">
      <TopBar />
      <main class="column narrow">
        <h1>{t("New room")}</h1>
        <form class="form" onSubmit={(event) => void submit(event)}>
          <label class="field">
            <span>{t("Title")}</span>
            <input name="title" required maxLength={100} autoFocus autoComplete="off" placeholder={t("What is it about?")} />
          </label>
          <div class="pair">
            <label class="field">
              <span>
                {t("Topic")} <em>{t("optional")}</em>
              </span>
              <input name="topic" maxLength={100} autoComplete="off" placeholder={t("Music, work, family")} />
            </label>
            <NameField />
          </div>
          <fieldset class="field">
            <legend>{t("Who finds it")}</legend>
            <div class="choices">
              {visibilities.map((choice) => (
                <label key={choice.value} class="choice">
                  <input
                    type="radio"
                    name="visibility"
                    value={choice.value}
                    checked={visibility === choice.value}
                    onChange={() => setVisibility(choice.value)}
                  />
                  <span>
                    <strong>{t(choice.name)}</strong>
                    <small>{t(choice.hint)}</small>
                  </span>
                </label>
              ))}
            </div>
          </fieldset>
          <div class="pair">
            <label class="field">
              <span>
                {t("Begins")} <em>{t("empty: now")}</em>
              </span>
              <input name="starts" type="datetime-local" />
            </label>
            <label class="field">
              <span>
                {t("Passcode")} {visibility !== "private" && <em>{t("optional")}</em>}
              </span>
              <input name="passcode" type="password" maxLength={64} autoComplete="off" required={visibility === "private"} />
            </label>
          </div>
          <div class="pair">
            <label class="field">
              <span>{t("Language spoken")}</span>
              <select name="language">
                <option value="">{t("any")}</option>
                {spoken.map((code) => (
                  <option key={code} value={code} selected={code === currentLanguage()}>
                    {languageName(code)}
                  </option>
                ))}
              </select>
            </label>
            <label class="field">
              <span>
                {t("Tags")} <em>{t("with commas")}</em>
              </span>
              <input name="tags" maxLength={200} autoComplete="off" />
            </label>
          </div>
          <fieldset class="field">
            <legend>{t("Who comes in")}</legend>
            <div class="choices two">
              <label class="choice">
                <input type="radio" name="entry" value="listen" defaultChecked />
                <span>
                  <strong>{t("Listens first")}</strong>
                  <small>{t("Hands are raised to speak")}</small>
                </span>
              </label>
              <label class="choice">
                <input type="radio" name="entry" value="speak" />
                <span>
                  <strong>{t("May speak at once")}</strong>
                  <small>{t("For small groups")}</small>
                </span>
              </label>
            </div>
          </fieldset>
          <FormError error={error} />
          <div class="row end">
            <a class="button" href="#/">
              {t("Cancel")}
            </a>
            <button class="button primary" aria-busy={busy} disabled={busy}>
              {t("Open the room")}
            </button>
          </div>
        </form>
      </main>
    </div>
  );
}

function settingsOf(form: FormData): RoomSettings {
  const text = (name: string) => String(form.get(name) ?? "").trim();
  return {
    title: text("title"),
    topic: text("topic") || undefined,
    language: text("language") || undefined,
    tags: text("tags").split(",").map((tag) => tag.trim()).filter(Boolean),
    visibility: text("visibility") as Visibility,
    entry: text("entry") === "speak" ? "speak" : "listen",
    passcode: String(form.get("passcode") ?? "") || undefined,
    starts_at: startOf(text("starts")),
  };
}

/* The field gives local time without a zone; the server wants RFC 3339 without a fraction. */
function startOf(local: string): string | undefined {
  const at = new Date(local);
  return Number.isNaN(at.getTime()) || at.getTime() <= Date.now() ? undefined : at.toISOString().replace(/\.\d+Z$/, "Z");
}

/* Not crypto.randomUUID: that exists in secure contexts only, and a LAN page may be opened without one. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
