import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: {
    alias: { "@voicerooms/client": fileURLToPath(new URL("./client/src/index.ts", import.meta.url)) },
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  test: { include: ["client/src/**/*.test.ts", "app/src/**/*.test.ts"], environment: "node" },
});
