import type { ComponentChildren } from "preact";

export function TopBar({ children }: { children?: ComponentChildren }) {
  return (
    <header class="topbar">
      <a class="brand" href="#/">
        <img src="/icon.svg" alt="" width="28" height="28" />
        Voicerooms
      </a>
      {children}
    </header>
  );
}
