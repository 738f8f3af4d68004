/* connection.tsx - how good the sound is, in three bars; a press says it in numbers. */

import { useState } from "preact/hooks";
import type { QualityGrade, Room } from "@voicerooms/client";
import { msg, t } from "../i18n.js";
import { Dialog } from "../ui/dialog.js";
import { IconBars } from "../ui/icons.js";
import { useQuality } from "./use-room.js";

const grades: Record<QualityGrade, { bars: number; text: string; advice: string }> = {
  good: { bars: 3, text: msg("Connection: good"), advice: msg("Nothing to do.") },
  fair: { bars: 2, text: msg("Connection: fair"), advice: msg("Words may be lost now and then. Nearer to the router, or a cable, is better.") },
  poor: { bars: 1, text: msg("Connection: poor"), advice: msg("Words are lost. Change the network if you can, and close what loads at the same time.") },
  unknown: { bars: 0, text: msg("Connection: not measured yet"), advice: msg("It is measured while somebody speaks.") },
};

export function Connection({ room }: { room: Room }) {
  const quality = useQuality(room);
  const [open, setOpen] = useState(false);
  const grade = grades[quality.grade];
  const percent = (value: number | null) => (value === null ? "–" : `${(value * 100).toFixed(1)} %`);
  const ms = (value: number | null) => (value === null ? "–" : `${Math.round(value)} ms`);
  return (
    <>
      <button
        type="button"
        class={`round connection ${quality.grade}`}
        aria-label={t(grade.text)}
        aria-haspopup="dialog"
        onClick={() => setOpen(true)}
      >
        <IconBars bars={grade.bars} />
      </button>
      {open && (
        <Dialog title={t(grade.text)} onClose={() => setOpen(false)}>
          <p>{t(grade.advice)}</p>
          <dl class="tiles">
            <div>
              <dt>{t("Round trip")}</dt>
              <dd>{ms(quality.roundTripMs)}</dd>
            </div>
            {quality.captureToPlayoutMs === null ? (
              <div>
                <dt>{t("Delay of voices (estimated)")}</dt>
                <dd>{ms(quality.latencyMs)}</dd>
              </div>
            ) : (
              <div>
                <dt>{t("From microphone to ear")}</dt>
                <dd>{ms(quality.captureToPlayoutMs)}</dd>
              </div>
            )}
            <div>
              <dt>{t("Lost on the way")}</dt>
              <dd>{percent(quality.loss)}</dd>
            </div>
            <div>
              <dt>{t("Made up for gaps")}</dt>
              <dd>{percent(quality.concealment)}</dd>
            </div>
            <div>
              <dt>{t("Jitter")}</dt>
              <dd>{ms(quality.jitterMs)}</dd>
            </div>
          </dl>
        </Dialog>
      )}
    </>
  );
}
