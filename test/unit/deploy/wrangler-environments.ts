import { join } from "node:path";
import { experimental_readRawConfig as readRawConfig } from "wrangler";
import { z } from "zod";
import { ROOT } from "./read-manifests.ts";

/** What an environment does not inherit from the top of the file, and what is compared with it. */
const environmentSchema = z.looseObject({
  vars: z.record(z.string(), z.string()),
  secrets: z.object({ required: z.array(z.string()) }),
  durable_objects: z.object({
    bindings: z.array(z.object({ name: z.string(), class_name: z.string() })),
  }),
  queues: z.object({
    producers: z.array(z.object({ binding: z.string(), queue: z.string() })),
    consumers: z.array(
      z.looseObject({ queue: z.string(), dead_letter_queue: z.string().optional() }),
    ),
  }),
  d1_databases: z.array(
    z.object({
      binding: z.string(),
      database_name: z.string(),
      database_id: z.string().optional(),
      migrations_dir: z.string(),
    }),
  ),
});

/** `wrangler.toml` as it stands. */
export function readWranglerFile(): Record<string, unknown> {
  const { rawConfig } = readRawConfig({ config: join(ROOT, "wrangler.toml") });
  return { ...rawConfig };
}

/** This machine's, and each deployment's. */
export function readEnvironments() {
  const file = readWranglerFile();
  const named = z.record(z.string(), environmentSchema).parse(file["env"]);
  return { local: environmentSchema.parse(file), named: new Map(Object.entries(named)) };
}
