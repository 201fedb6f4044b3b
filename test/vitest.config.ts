import { defineConfig } from "vitest/config";

/** One project per kind of test, so that a failing kind names itself. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          exclude: ["test/unit/edge/**"],
          root: ".",
        },
      },
      {
        test: {
          name: "unit-edge",
          include: ["test/unit/edge/**/*.test.ts", "test/edge/**/*.test.ts"],
          globalSetup: ["test/edge/bundle-edge.ts"],
          root: ".",
          testTimeout: 20_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          root: ".",
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "chaos",
          include: ["test/chaos/**/*.test.ts"],
          root: ".",
          fileParallelism: false,
          testTimeout: 1_800_000,
          hookTimeout: 900_000,
        },
      },
      {
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          root: ".",
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      { test: { name: "architecture", include: ["test/architecture/**/*.test.ts"], root: "." } },
    ],
  },
});
