import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { Manifest } from "./manifest-faults.ts";

/** The folder that holds `package.json`. */
export const ROOT: string = join(import.meta.dirname, "..", "..", "..");

/** Reads a file of the repository as text. */
export function readText(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** One document and the file that it is from. */
export interface FileManifest {
  readonly file: string;
  readonly manifest: Manifest;
}

/** Parses YAML documents; throws at the first that is none, duplicate keys included. */
export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text, { uniqueKeys: true }).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    return document.toJS();
  });
}

/** Every document under `deploy/kubernetes`, by file name. */
export function readManifests(): FileManifest[] {
  const folder = "deploy/kubernetes";
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".yaml"))
    .sort()
    .flatMap((name) =>
      parseManifests(readText(join(folder, name))).map((manifest) => ({
        file: join(folder, name),
        manifest,
      })),
    );
}

/** Every key and value under `value`, at any depth. */
export function entriesOf(value: unknown): [string, unknown][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => [[key, child], ...entriesOf(child)]);
}
