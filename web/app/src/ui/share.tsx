/* share.tsx - a link to a room, to be copied, sent with the system's own means, or scanned. */

import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n.js";
import { shareLink } from "../identity.js";
import { useNotices } from "../notices.js";
import { Dialog } from "./dialog.js";

export function ShareDialog({ room, title, onClose }: { room: string; title: string; onClose: () => void }) {
  const notices = useNotices();
  const link = shareLink(room);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link);
      notices.say(t("The link to this room is copied."));
      onClose();
    } catch {
      /* Pages without https may not write to the clipboard: the field is there to be copied by hand. */
      notices.say(t("Select the link and copy it."));
    }
  };
  return (
    <Dialog title={t("Invite to “{title}”", { title })} onClose={onClose}>
      <Qr text={link} />
      <label class="field">
        <span>{t("Link")}</span>
        <input readOnly value={link} dir="ltr" onFocus={(event) => event.currentTarget.select()} />
      </label>
      <div class="row end">
        {"share" in navigator && (
          <button type="button" class="button" onClick={() => void navigator.share({ title, url: link }).catch(() => {})}>
            {t("Send…")}
          </button>
        )}
        <button type="button" class="button primary" autoFocus onClick={() => void copy()}>
          {t("Copy the link")}
        </button>
      </div>
    </Dialog>
  );
}

function Qr({ text }: { text: string }) {
  const [path, setPath] = useState<{ size: number; d: string }>();
  useEffect(() => {
    let wanted = true;
    void import("uqr").then(({ encode }) => {
      const { data, size } = encode(text, { border: 2 });
      const d = data.flatMap((row, y) => row.map((on, x) => (on ? `M${x} ${y}h1v1h-1z` : ""))).join("");
      if (wanted) {
        setPath({ size, d });
      }
    });
    return () => {
      wanted = false;
    };
  }, [text]);
  return (
    <svg class="qr" role="img" aria-label={t("The link as a QR code")} viewBox={`0 0 ${path?.size ?? 33} ${path?.size ?? 33}`} shape-rendering="crispEdges">
      <path d={path?.d ?? ""} />
    </svg>
  );
}
