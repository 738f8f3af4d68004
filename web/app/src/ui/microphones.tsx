/* microphones.tsx - which microphone, and what the browser does with its sound. */

import { useEffect, useState } from "preact/hooks";
import type { MicrophoneOptions } from "@voicerooms/client";
import { msg, t } from "../i18n.js";
import { saveMicrophone, savedMicrophone } from "../identity.js";
import { change, useSettings } from "../settings.js";

const treatments = [
  { name: "echoCancellation", text: msg("Echo cancellation"), hint: msg("Off only with headphones") },
  { name: "noiseSuppression", text: msg("Noise suppression"), hint: msg("Off for music") },
  { name: "autoGainControl", text: msg("Automatic loudness"), hint: msg("Off with a mixer of your own") },
] as const;

/** `onChange` gets all that a microphone is opened with. */
export function MicrophoneFields({ onChange }: { onChange: (options: MicrophoneOptions) => void }) {
  const devices = useMicrophones();
  const settings = useSettings();
  const [chosen, setChosen] = useState(savedMicrophone() ?? "");
  const choose = (deviceId: string) => {
    setChosen(deviceId);
    saveMicrophone(deviceId);
    onChange({ ...settings.microphone, deviceId });
  };
  const treat = (name: (typeof treatments)[number]["name"], on: boolean) => {
    const microphone = { ...settings.microphone, [name]: on };
    change({ microphone });
    onChange({ ...microphone, deviceId: chosen || undefined });
  };
  return (
    <>
      {devices.length > 1 && (
        <label class="field">
          <span>{t("Microphone")}</span>
          <select value={chosen} onChange={(event) => choose(event.currentTarget.value)}>
            {devices.map((device, index) => (
              <option key={device.deviceId} value={device.deviceId}>
                {device.label || t("Microphone {n}", { n: index + 1 })}
              </option>
            ))}
          </select>
        </label>
      )}
      <fieldset class="field treatments">
        <legend class="hidden">{t("Treatment of the sound")}</legend>
        {treatments.map(({ name, text, hint }) => (
          <label key={name} class="check">
            <input type="checkbox" checked={settings.microphone[name] ?? true} onChange={(event) => treat(name, event.currentTarget.checked)} />
            <span>
              {t(text)} <small class="muted">{t(hint)}</small>
            </span>
          </label>
        ))}
      </fieldset>
    </>
  );
}

/* Labels are there once the microphone was allowed; a headset plugged in meanwhile is told by the browser. */
function useMicrophones(): readonly MediaDeviceInfo[] {
  const [devices, setDevices] = useState<readonly MediaDeviceInfo[]>([]);
  useEffect(() => {
    const media = navigator.mediaDevices as MediaDevices | undefined;
    const load = () =>
      media?.enumerateDevices().then(
        (all) => setDevices(all.filter((device) => device.kind === "audioinput" && device.deviceId !== "")),
        () => setDevices([]),
      );
    void load();
    media?.addEventListener("devicechange", load);
    return () => media?.removeEventListener("devicechange", load);
  }, []);
  return devices;
}
