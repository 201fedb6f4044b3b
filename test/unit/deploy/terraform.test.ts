/** The Cloudflare side: parsed, checked against its providers' attributes, and against wrangler.toml. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";
import { z } from "zod";
import { PROVIDER_VERSIONS } from "./provider-schema.ts";
import { ROOT, readText } from "./read-manifests.ts";
import {
  attributeFaults,
  type Configuration,
  parseTerraform,
  terraformFaults,
} from "./terraform-faults.ts";
import { readEnvironments } from "./wrangler-environments.ts";

const FOLDER = "deploy/terraform";
const files = Object.fromEntries(
  readdirSync(join(ROOT, FOLDER))
    .filter((name) => name.endsWith(".tf"))
    .map((name) => [name, readText(join(FOLDER, name))]),
);
const configuration: Configuration = await parseTerraform(files);

const filesSchema = z.object({
  terraform: z.tuple([
    z.object({
      required_providers: z.tuple([
        z.record(z.string(), z.object({ source: z.string(), version: z.string() })),
      ]),
    }),
  ]),
  variable: z.record(z.string(), z.tuple([z.object({ default: z.unknown().optional() })])),
  resource: z.object({
    cloudflare_d1_database: z.object({ usage: z.tuple([z.object({ name: z.string() })]) }),
    cloudflare_queue: z.record(z.string(), z.tuple([z.object({ queue_name: z.string() })])),
    random_password: z.object({ secret: z.tuple([z.object({ for_each: z.string() })]) }),
    cloudflare_zero_trust_tunnel_cloudflared_config: z.object({
      nodes: z.tuple([
        z.object({ config: z.object({ ingress: z.array(z.object({ service: z.string() })) }) }),
      ]),
    }),
  }),
  locals: z.array(z.record(z.string(), z.string())),
  output: z.record(z.string(), z.unknown()),
});
const parsed = filesSchema.parse(configuration);

/** A name of the configuration as an environment has it. */
function nameFor(environment: string, text: string): string {
  const workerName = parsed.locals.find((set) => "worker_name" in set)?.["worker_name"] ?? "";
  const own = workerName.replace(/\$\{var\.environment\}/, environment);
  return text.replace(/\$\{local\.worker_name\}/, own);
}

/** Every version of a file in which one argument has a letter too many. */
function misspell(text: string): { line: string; wrong: string }[] {
  // The arguments of `locals` are names of the writer's own.
  const own = /^locals \{.*?^\}/gms;
  const searched = text.replaceAll(own, (block) => block.replaceAll("=", "-"));
  return [...searched.matchAll(/(?<=^ {2,8}\w+)(?= += )/gm)].map(({ index }) => {
    const wrong = `${text.slice(0, index)}x${text.slice(index)}`;
    return {
      line:
        wrong
          .slice(0, index + 1)
          .split("\n")
          .at(-1) ?? "",
      wrong,
    };
  });
}

describe("the Terraform configuration", () => {
  it("says what its providers take, and refers to what it has", async ({ expect }) => {
    expect(await terraformFaults(configuration)).toEqual([]);
  });

  it.for(Object.entries(files))(
    "would be refused with any argument of %s misspelt",
    async ([name, text], { expect }) => {
      const copies = misspell(text);
      expect(copies.length).toBeGreaterThan(0);
      const faults = await Promise.all(
        copies.map(async ({ wrong }) => attributeFaults(await parseTerraform({ [name]: wrong }))),
      );
      expect(copies.filter((_, index) => faults[index]?.length === 0)).toEqual([]);
    },
  );

  it.for([
    ["a reference to nothing", "var.edge_host", "var.edge_hots"],
    ["an attribute that a resource has not", "nodes.id}.cfarg", "nodes.uid}.cfarg"],
    ["a resource type that is none", '"cloudflare_d1_database"', '"cloudflare_d1_databases"'],
    ["a block that is none", 'output "edge_host"', 'outputs "edge_host"'],
  ])("would be refused with %s", async ([, right = "", wrong = ""], { expect }) => {
    const changed = Object.fromEntries(
      Object.entries(files).map(([name, text]) => [name, text.replace(right, wrong)]),
    );
    expect(changed).not.toEqual(files);
    expect(await terraformFaults(await parseTerraform(changed))).not.toEqual([]);
  });

  it("would be refused where it is no HCL", async ({ expect }) => {
    await expect(parseTerraform({ "edge.tf": 'resource "a" "b" {' })).rejects.toThrow();
  });

  it("is pinned to the providers that its attributes were checked against", ({ expect }) => {
    const [{ required_providers }] = parsed.terraform;
    const versions = Object.values(required_providers[0]).map(({ source, version }) => [
      source,
      version,
    ]);
    expect(Object.fromEntries(versions)).toEqual(PROVIDER_VERSIONS);
  });

  it("comes with values for every variable that needs one", async ({ expect }) => {
    const example = await parseTerraform({
      "example.tf": `locals {\n${readText(`${FOLDER}/example.tfvars`)}}\n`,
    });
    const given = Object.keys((example["locals"] as object[])[0] ?? {});
    const needed = Object.entries(parsed.variable).filter(([, [body]]) => !("default" in body));
    expect(given.sort()).toEqual(needed.map(([name]) => name).sort());
  });
});

describe("the operator", () => {
  const readme = readText("deploy/README.md");

  it("is told of outputs that there are, and of every one", ({ expect }) => {
    const pool = readText("deploy/kubernetes/base/pool.env");
    const told = [
      ...`${readme}${pool}`.matchAll(
        /\boutput (?:-json |-raw )?(\w+)|outputs `(\w+)` and `(\w+)`/g,
      ),
    ]
      .flatMap(([, ...names]) => names)
      .filter((name) => name !== undefined);
    expect([...new Set(told)].sort()).toEqual(Object.keys(parsed.output).sort());
  });

  it("is told of databases, images and overlays by the names that they have", ({ expect }) => {
    const [binding] = readEnvironments().local.d1_databases;
    expect(readme).toContain(`migrations apply ${binding?.binding} --env`);
    const kustomization = readText("deploy/kubernetes/overlays/gpu/kustomization.yaml");
    const [, name, tag] = /newName: (\S+)\s+newTag: (\S+)/.exec(kustomization) ?? [];
    expect(readme).toContain(`docker push ${name}:${tag}\n`);
    expect(tag).toBe(`cuda-${JSON.parse(readText("package.json")).version}`);
  });
});

describe("Terraform and wrangler.toml", () => {
  it.for(["staging", "production"])("name the same things in %s", (name, { expect }) => {
    const environment = readEnvironments().named.get(name);
    const { cloudflare_d1_database: database, cloudflare_queue: queues } = parsed.resource;
    const databases = [nameFor(name, database.usage[0].name)];
    expect(environment?.d1_databases.map((found) => found.database_name)).toEqual(databases);
    const made = Object.values(queues).map(([queue]) => nameFor(name, queue.queue_name));
    const used = environment?.queues.consumers.flatMap((consumer) => [
      consumer.queue,
      consumer.dead_letter_queue,
    ]);
    expect(used?.sort()).toEqual(made.sort());
  });

  it("agree on the secrets", ({ expect }) => {
    const made = [...parsed.resource.random_password.secret[0].for_each.matchAll(/"(\w+)"/g)];
    const { named } = readEnvironments();
    const given = [...readText(`${FOLDER}/secrets.tf`).matchAll(/\{ (\w+) = var\./g)];
    const all = [...made, ...given].map(([, name]) => name);
    // What the Worker knows as a secret, needed or not.
    const known = [
      ...readText("edge/environment.ts").matchAll(/readonly (\w+_SECRET)\??: string/g),
    ];
    expect(all.sort()).toEqual(known.map(([, name]) => name).sort());
    for (const { secrets } of named.values()) {
      expect(secrets.required.filter((name) => !all.includes(name))).toEqual([]);
    }
  });

  it("lead the tunnel to the gateway's proxy", ({ expect }) => {
    const { ingress } =
      parsed.resource.cloudflare_zero_trust_tunnel_cloudflared_config.nodes[0].config;
    const port = /listen (\d+);/.exec(readText("deploy/kubernetes/base/nginx.conf"))?.[1];
    // The last rule takes every request that no other took: Cloudflare demands one.
    expect(ingress.map(({ service }) => service)).toEqual([
      `http://localhost:${port}`,
      "http_status:404",
    ]);
  });
});
