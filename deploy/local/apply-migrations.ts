import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { REPOSITORY_ROOT } from "./paths.ts";

/** The part of a D1 database that is used here. */
interface Database {
  prepare(query: string): { run(): Promise<unknown> };
}

/** Applies the usage tables' migrations, in order; each may be applied again. */
export async function applyMigrations(database: Database): Promise<void> {
  const directory = join(REPOSITORY_ROOT, "edge", "billing", "migrations");
  for (const name of (await readdir(directory)).sort()) {
    const script = await readFile(join(directory, name), "utf8");
    const statements = script.replaceAll(/^--.*$/gm, "").split(";");
    for (const statement of statements) {
      if (statement.trim() !== "") await database.prepare(statement).run();
    }
  }
}
