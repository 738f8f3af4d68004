import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["client/src/**/*.test.ts", "app/src/**/*.test.ts"], environment: "node" },
});
