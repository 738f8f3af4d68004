import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { t } from "../i18n.js";
import { IconSettings } from "./icons.js";
import { SettingsDialog } from "./settings-dialog.js";

export function TopBar({ children }: { children?: ComponentChildren }) {
  const [open, setOpen] = useState(false);
  return (
    <header class="topbar">
      <a class="brand" href="#/" aria-label="Voicerooms">
        <img src="/icon.svg" alt="" width="28" height="28" />
        <span class="brand-name">Voicerooms</span>
      </a>
      <span class="grow" />
      <button type="button" class="round" aria-label={t("Settings")} aria-haspopup="dialog" onClick={() => setOpen(true)}>
        <IconSettings />
      </button>
      {children}
      {open && <SettingsDialog onClose={() => setOpen(false)} />}
    </header>
  );
}
