/* settings-dialog.tsx - language, what is announced, which keys do what; in a room what else belongs to it, as the microphone. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { currentLanguage, languages, msg, t } from "../i18n.js";
import { change, DEFAULTS, keyName, useSettings } from "../settings.js";
import type { Settings } from "../settings.js";
import { Dialog } from "./dialog.js";

const keys: { name: keyof Settings["keys"]; text: string }[] = [
  { name: "mute", text: msg("Mute or unmute") },
  { name: "talk", text: msg("Hold to talk") },
  { name: "hand", text: msg("Raise or lower the hand") },
  { name: "help", text: msg("Show these keys") },
];

/* These move the focus or press what has it. Space does too, but only where something has the focus. */
const reserved = new Set(["Tab", "Enter", "Escape", "Shift", "Control", "Alt", "Meta", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"]);

export function SettingsDialog({ onClose, keysFirst, children }: { onClose: () => void; keysFirst?: boolean; children?: ComponentChildren }) {
  const settings = useSettings();
  const language = (
    <label class="field">
      <span>{t("Language")}</span>
      <select
        value={settings.language || currentLanguage()}
        onChange={(event) => {
          change({ language: event.currentTarget.value });
          /* Every view has its texts anew; a room is come back to by its token. */
          location.reload();
        }}
      >
        {languages.map(({ code, name }) => (
          <option key={code} value={code} lang={code}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <Dialog title={keysFirst ? t("Keys") : t("Settings")} onClose={onClose}>
      {!keysFirst && language}
      {children}
      {!keysFirst && (
        <label class="check">
          <input type="checkbox" checked={settings.announce} onChange={(event) => change({ announce: event.currentTarget.checked })} />
          <span>{t("Say to screen readers who comes, goes and writes")}</span>
        </label>
      )}
      <label class="check">
        <input type="checkbox" checked={settings.pushToTalk} onChange={(event) => change({ pushToTalk: event.currentTarget.checked })} />
        <span>{t("Push to talk: on stage I am silent except while I hold the key or the button")}</span>
      </label>
      <fieldset class="field keys">
        <legend>{t("Keys in a room")}</legend>
        <label class="check">
          <input type="checkbox" checked={settings.shortcuts} onChange={(event) => change({ shortcuts: event.currentTarget.checked })} />
          <span>{t("Use keys")}</span>
        </label>
        {settings.shortcuts && keys.map(({ name, text }) => <KeyChoice key={name} name={name} text={t(text)} settings={settings} />)}
        {settings.shortcuts && (
          <button type="button" class="button quiet" onClick={() => change({ keys: DEFAULTS.keys })}>
            {t("Set the keys back")}
          </button>
        )}
      </fieldset>
      {!keysFirst && (
        <a class="button quiet" href="#/reports" onClick={onClose}>
          {t("For moderators: reports")}
        </a>
      )}
    </Dialog>
  );
}

function KeyChoice({ name, text, settings }: { name: keyof Settings["keys"]; text: string; settings: Settings }) {
  const [waiting, setWaiting] = useState(false);
  const shown = keyName(settings.keys[name]);
  const press = (event: KeyboardEvent) => {
    if (!waiting) {
      return;
    }
    if (event.key === "Escape" || event.key === "Tab") {
      setWaiting(false);
      if (event.key === "Escape") {
        event.preventDefault();
        event.stopPropagation();
      }
      return;
    }
    if (!reserved.has(event.key)) {
      event.preventDefault();
      const key = event.key.toLowerCase();
      const others = Object.entries(settings.keys).some(([other, used]) => other !== name && used === key);
      if (!others) {
        change({ keys: { ...settings.keys, [name]: key } });
        setWaiting(false);
      }
    }
  };
  return (
    <div class="row key-row">
      <span class="grow">{text}</span>
      <button
        type="button"
        class={`button small ${waiting ? "primary" : ""}`}
        aria-label={waiting ? t("{act}: press a key", { act: text }) : t("{act}: {key}, change it", { act: text, key: shown })}
        onClick={() => setWaiting(true)}
        onBlur={() => setWaiting(false)}
        onKeyDown={press}
      >
        {waiting ? t("Press a key…") : <kbd>{shown}</kbd>}
      </button>
    </div>
  );
}
