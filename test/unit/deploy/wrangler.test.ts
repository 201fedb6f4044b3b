/** `wrangler.toml`: what wrangler takes, and deployments that have all that this machine has. */
import { Ajv } from "ajv";
import { describe, it } from "vitest";
import { readText } from "./read-manifests.ts";
import { readEnvironments, readWranglerFile } from "./wrangler-environments.ts";

const ajv = new Ajv({ strict: false, allErrors: true, logger: false });
const isRight = ajv.compile(JSON.parse(readText("node_modules/wrangler/config-schema.json")));
/** Whose keys are names of the writer's own. */
const FREE_MAPS = new Set(["env", "vars"]);

/** Every version of `value` in which one key has a letter too many, and that key's path. */
function misspell(value: unknown, path = ""): { path: string; wrong: unknown }[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => {
    const inner = misspell(child, `${path}/${key}`).map(({ path: at, wrong }) => {
      const copy = structuredClone(value) as Record<string, unknown>;
      copy[key] = wrong;
      return { path: at, wrong: copy };
    });
    if (Array.isArray(value) || FREE_MAPS.has(path.split("/").at(-1) ?? "")) return inner;
    const { [key]: _, ...rest } = value as Record<string, unknown>;
    return [{ path: `${path}/${key}`, wrong: { ...rest, [`${key}x`]: child } }, ...inner];
  });
}

const { local, named } = readEnvironments();
const deployments = [...named];

describe("wrangler.toml", () => {
  it("is what wrangler takes", ({ expect }) => {
    isRight(readWranglerFile());
    expect(isRight.errors).toBeNull();
  });

  it("would be refused with any one of its keys misspelt", { timeout: 60_000 }, ({ expect }) => {
    const copies = misspell(readWranglerFile());
    expect(copies.length).toBeGreaterThan(80);
    const unnoticed = copies.filter(({ wrong }) => isRight(wrong)).map(({ path }) => path);
    expect(unnoticed).toEqual([]);
  });
});

describe("the deployments", () => {
  it("are two", ({ expect }) => {
    expect(deployments.map(([name]) => name)).toEqual(["staging", "production"]);
  });

  it.for(deployments)(
    "%s: has every variable, secret and binding of this machine's",
    ([, deployment], { expect }) => {
      const describe = (environment: typeof deployment) => ({
        variables: Object.keys(environment.vars).sort(),
        secrets: environment.secrets.required.toSorted(),
        objects: environment.durable_objects.bindings.map(({ name, class_name }) => [
          name,
          class_name,
        ]),
        producers: environment.queues.producers.map(({ binding }) => binding),
        consumers: environment.queues.consumers.length,
        databases: environment.d1_databases.map(({ binding, migrations_dir }) => [
          binding,
          migrations_dir,
        ]),
        others: Object.keys(environment)
          .filter((key) => /_(?:buckets|namespaces|datasets)$|^(?:services|workflows)$/.test(key))
          .sort(),
      });
      expect(describe(deployment)).toEqual(describe(local));
    },
  );

  it("share no queue and no database, with each other or with this machine", ({ expect }) => {
    const names = [local, ...named.values()].flatMap(({ queues, d1_databases }) => [
      ...queues.producers.map(({ queue }) => queue),
      ...d1_databases.map(({ database_name }) => database_name),
    ]);
    const kinds = local.queues.producers.length + local.d1_databases.length;
    // A queue and a database may be called the same.
    expect(new Set(names).size).toBe(names.length / kinds);
  });

  it("issue keys of their own kind, and answer at their own host names only", ({ expect }) => {
    expect(named.get("staging")?.vars["KEY_ENVIRONMENT"]).toBe("test");
    expect(named.get("production")?.vars["KEY_ENVIRONMENT"]).toBe("live");
    for (const environment of named.values()) {
      expect(environment).toMatchObject({ workers_dev: false, preview_urls: false });
    }
  });

  it("drop no message that cannot be written, and find their database by its name", ({
    expect,
  }) => {
    for (const { queues, d1_databases } of named.values()) {
      for (const { queue, dead_letter_queue: dead } of queues.consumers) {
        expect(dead).toBe(`${queue}-dead`);
      }
      expect(d1_databases.filter(({ database_id: id }) => id !== undefined)).toEqual([]);
    }
  });
});
