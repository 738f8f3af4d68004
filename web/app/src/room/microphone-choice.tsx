/* microphone-choice.tsx - which microphone, and whether it hears anything: for who is on stage. */

import { useEffect, useState } from "preact/hooks";
import type { Room } from "@voicerooms/client";
import { saveMicrophone, savedMicrophone } from "../identity.js";
import { useNotices } from "../notices.js";
import { useLevel, useMicrophone } from "./use-room.js";

export function MicrophoneChoice({ room }: { room: Room }) {
  const devices = useMicrophones();
  const status = useMicrophone(room);
  const level = useLevel(room, room.selfParticipant, room.selfOpen);
  const [chosen, setChosen] = useState(savedMicrophone() ?? "");
  const notices = useNotices();
  const choose = (deviceId: string) => {
    setChosen(deviceId);
    saveMicrophone(deviceId);
    room.retryMicrophone({ deviceId }).catch(notices.fail);
  };
  return (
    <div class="device">
      {devices.length > 1 && (
        <label class="field">
          <span>Microphone</span>
          <select value={chosen} onChange={(event) => choose(event.currentTarget.value)}>
            {devices.map((device, index) => (
              <option key={device.deviceId} value={device.deviceId}>
                {device.label || `Microphone ${index + 1}`}
              </option>
            ))}
          </select>
        </label>
      )}
      <label class="field">
        <span>{room.selfOpen && status.state === "on" ? "What it hears" : "What it hears (you are muted)"}</span>
        <meter min={0} max={4} value={level} />
      </label>
    </div>
  );
}

/* Labels are there once the microphone was allowed; a headset plugged in meanwhile is told by the browser. */
function useMicrophones(): readonly MediaDeviceInfo[] {
  const [devices, setDevices] = useState<readonly MediaDeviceInfo[]>([]);
  useEffect(() => {
    const media = navigator.mediaDevices as MediaDevices | undefined;
    const load = () =>
      media?.enumerateDevices().then(
        (all) => setDevices(all.filter((device) => device.kind === "audioinput")),
        () => setDevices([]),
      );
    void load();
    media?.addEventListener("devicechange", load);
    return () => media?.removeEventListener("devicechange", load);
  }, []);
  return devices;
}
