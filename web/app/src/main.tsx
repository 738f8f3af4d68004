import { render } from "preact";
import { App } from "./app.js";
import { loadLanguage, pickLanguage } from "./i18n.js";
import { settings } from "./settings.js";
import { prepareBrowser } from "./support.js";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/browse.css";
import "./styles/room.css";
import "./styles/more.css";
import "./styles/reports.css";

async function start(): Promise<void> {
  const wishes = [settings().language, ...(navigator.languages ?? [])].filter(Boolean);
  const [able] = await Promise.all([prepareBrowser(), loadLanguage(pickLanguage(wishes)).catch(() => {})]);
  render(<App able={able} />, document.getElementById("app")!);
  /* The shell only: rooms and lists are live, and never come out of a cache. */
  if ("serviceWorker" in navigator && isSecureContext) {
    navigator.serviceWorker.register("/sw.js").catch(() => {});
  }
}

void start();
