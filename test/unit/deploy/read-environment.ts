import { DockerfileParser } from "dockerfile-ast";
import type { Deployment } from "./deployment-shape.ts";

type Environment = Record<string, string>;

/** Of a secret that the cluster would give; long enough for any. */
const SECRET = "s".repeat(64);

/**
 * The first container's variables as Kubernetes would give them: `$(NAME)` is filled in from what stands
 * before it, a setting by its own name, a secret by a made-up one.
 */
export function deploymentEnvironment({ spec }: Deployment): Environment {
  const environment: Environment = {};
  for (const { name, value, valueFrom } of spec.template.spec.containers[0]?.env ?? []) {
    environment[name] =
      value?.replaceAll(/\$\(([A-Z_]+)\)/g, (_, other) => environment[other] ?? "") ??
      describeSource(valueFrom ?? {});
  }
  return environment;
}

function describeSource(
  source: Readonly<Record<string, Readonly<Record<string, string>>>>,
): string {
  if (source["secretKeyRef"] !== undefined) return SECRET;
  const { name, key } = source["configMapKeyRef"] ?? {};
  if (name !== undefined) return `${name}.${key}`;
  return source["fieldRef"]?.["fieldPath"] === "status.podIP" ? "10.1.2.3" : "a-pod";
}

/** The variables of each stage of a Dockerfile, by the stage's name. */
export function dockerEnvironments(text: string): Map<string, Environment> {
  const stages = new Map<string, Environment>();
  let environment: Environment = {};
  for (const instruction of DockerfileParser.parse(text).getInstructions()) {
    if (instruction.getKeyword() === "FROM") {
      environment = {};
      const stage = instruction.getArgumentsContent()?.split(/\s+AS\s+/i)[1];
      if (stage !== undefined) stages.set(stage, environment);
    }
    if (instruction.getKeyword() !== "ENV") continue;
    for (const argument of instruction.getArguments()) {
      const [name = "", ...value] = argument.getValue().split("=");
      environment[name] = value.join("=");
    }
  }
  return stages;
}
