/* microphone-choice.tsx - the own microphone while on stage: which, how it is treated, and whether it hears anything. */

import type { Room } from "@voicerooms/client";
import { t } from "../i18n.js";
import { useNotices } from "../notices.js";
import { MicrophoneFields } from "../ui/microphones.js";
import { useLevel, useMicrophone } from "./use-room.js";

export function MicrophoneChoice({ room }: { room: Room }) {
  const status = useMicrophone(room);
  const level = useLevel(room, room.selfParticipant, room.selfOpen);
  const notices = useNotices();
  return (
    <div class="device">
      <MicrophoneFields onChange={(options) => void room.retryMicrophone(options).catch(notices.fail)} />
      <label class="field">
        <span>{room.selfOpen && status.state === "on" ? t("What it hears") : t("What it hears (you are muted)")}</span>
        <meter min={0} max={4} value={level} />
      </label>
    </div>
  );
}
