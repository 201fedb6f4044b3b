import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { writeGuidePages } from "./guides.ts";

/** The console and the guides as static files for the Worker's assets. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "/",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
  },
  plugins: [guides()],
});

function guides(): Plugin {
  const directory = fileURLToPath(new URL("../guides", import.meta.url));
  return {
    name: "guides",
    generateBundle() {
      for (const page of writeGuidePages(directory)) this.emitFile({ type: "asset", ...page });
    },
  };
}
