/**
 * What is wrong with a Terraform configuration, as far as that can be said without its providers.
 *
 * Owns: attributes against the tables of provider-schema.ts, and references that lead nowhere. Does not
 * own: the syntax (`@cdktf/hcl2json`, HashiCorp's own parser), what a provider would say of values.
 */
import { getReferencesInExpression, parse } from "@cdktf/hcl2json";
import {
  type BlockSchema,
  DATA_SOURCES,
  FILE,
  META_ARGUMENTS,
  OUTPUT,
  RESOURCES,
  SETTINGS,
  VARIABLE,
} from "./provider-schema.ts";

/** A parsed configuration: every file in one, blocks in lists. */
export type Configuration = Readonly<Record<string, unknown>>;

/** Parses a folder's files into one; throws where one is not HCL. */
export async function parseTerraform(files: Readonly<Record<string, string>>) {
  const merged: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(files)) mergeInto(merged, await parse(name, text));
  return merged;
}

function mergeInto(target: Record<string, unknown>, source: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(source)) {
    const there = target[key];
    if (there === undefined) target[key] = value;
    else if (Array.isArray(there)) there.push(...(value as unknown[]));
    else mergeInto(there as Record<string, unknown>, value as Record<string, unknown>);
  }
}

/** One line a fault, with where it is; empty for a right configuration. */
export async function terraformFaults(configuration: Configuration): Promise<string[]> {
  return [...attributeFaults(configuration), ...(await referenceFaults(configuration))];
}

/** Those of blocks and their arguments alone, which one file of a configuration may have by itself. */
export function attributeFaults(configuration: Configuration): string[] {
  return [
    ...blockFaults(configuration, FILE, "file"),
    ...entries(configuration["terraform"]).flatMap(([, settings]) =>
      blockFaults(settings, SETTINGS, "terraform"),
    ),
    ...labelled(configuration["variable"], "variable", () => VARIABLE),
    ...labelled(configuration["output"], "output", () => OUTPUT),
    ...typed(configuration["resource"], "resource", RESOURCES),
    ...typed(configuration["data"], "data", DATA_SOURCES),
  ];
}

function entries(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null ? Object.entries(value) : [];
}

function labelled(
  blocks: unknown,
  path: string,
  schemaOf: (name: string) => BlockSchema | undefined,
): string[] {
  return entries(blocks).flatMap(([name, bodies]) => {
    const schema = schemaOf(name);
    const at = `${path}.${name}`;
    if (schema === undefined) return [`${at}: no such type is known here`];
    const list = entries(bodies);
    const repeated = list.length === 1 ? [] : [`${at}: stands there more than once`];
    return [...repeated, ...list.flatMap(([, body]) => blockFaults(body, schema, at))];
  });
}

function typed(
  blocks: unknown,
  path: string,
  table: Readonly<Record<string, BlockSchema>>,
): string[] {
  return entries(blocks).flatMap(([type, named]) => {
    const schema = table[type];
    if (schema === undefined) return [`${path}.${type}: no such type is known here`];
    const { optional, nested } = META_ARGUMENTS;
    const whole = {
      ...schema,
      optional: [...schema.optional, ...optional],
      nested: { ...schema.nested, ...nested },
    };
    return labelled(named, `${path}.${type}`, () => whole);
  });
}

function blockFaults(body: unknown, schema: BlockSchema, path: string): string[] {
  const keys = entries(body).map(([key]) => key);
  const known = [...schema.required, ...schema.optional];
  return [
    ...keys.filter((key) => !known.includes(key)).map((key) => `${path}.${key}: not known`),
    ...schema.required
      .filter((key) => !keys.includes(key))
      .map((key) => `${path}.${key}: is required`),
    ...entries(body).flatMap(([key, value]) => {
      const inner = schema.nested?.[key];
      if (inner === undefined) return [];
      return [value].flat().flatMap((item) => blockFaults(item, inner, `${path}.${key}`));
    }),
  ];
}

async function referenceFaults(configuration: Configuration): Promise<string[]> {
  const values = await listReferences(configuration);
  const unused = Object.keys(namesIn(configuration["variable"]))
    .filter((name) => !values.includes(`var.${name}`))
    .map((name) => `variable.${name}: is used nowhere`);
  const lost = values.filter((value) => !leadsSomewhere(value.split("."), configuration));
  return [...lost.map((value) => `${value}: leads nowhere`), ...unused];
}

/** Every `var.a`, `type.name.attribute` and the like, wherever it stands. */
async function listReferences(configuration: Configuration): Promise<string[]> {
  const expressions = textsIn(configuration).filter((text) => text.includes("${"));
  const found = await Promise.all(
    expressions.map(async (text) => await getReferencesInExpression("expression.tf", text)),
  );
  return found.flat().map(({ value }) => value);
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return entries(value).flatMap(([, child]) => textsIn(child));
}

function leadsSomewhere(path: readonly string[], configuration: Configuration): boolean {
  const [first = "", second = "", third = "", fourth] = path;
  // A type, or an attribute of the resource that the expression is in.
  if (second === "") return true;
  if (first === "var") return second in namesIn(configuration["variable"]);
  if (first === "local")
    return entries(configuration["locals"]).some(([, set]) => second in namesIn(set));
  if (first !== "data") return hasAttribute(configuration["resource"], RESOURCES, path);
  return hasAttribute(configuration["data"], DATA_SOURCES, [second, third, fourth ?? ""]);
}

function hasAttribute(
  blocks: unknown,
  table: Readonly<Record<string, BlockSchema>>,
  [type = "", name = "", attribute = ""]: readonly string[],
): boolean {
  if (!(name in namesIn(namesIn(blocks)[type]))) return false;
  const { required = [], optional = [], readable = [] } = table[type] ?? {};
  return attribute === "" || [...required, ...optional, ...readable].includes(attribute);
}

function namesIn(value: unknown): Record<string, unknown> {
  return Object.fromEntries(entries(value));
}
