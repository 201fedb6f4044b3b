/** One secret, from where it is made to both who prove themselves by it. */
import { describe, it } from "vitest";
import { z } from "zod";
import { entriesOf, readManifests, readText } from "./read-manifests.ts";

const SHARED = [
  { name: "SCALING_SECRET", output: "scaling_secret", secret: "unmask-scaling", key: "token" },
  { name: "GRANT_SECRET", output: "grant_secret", secret: "unmask-node", key: "grant-secret" },
] as const;

const manifests = readManifests().map(({ manifest }) => manifest);
const readme = readText("deploy/README.md");
const secrets = readText("deploy/terraform/secrets.tf");
const outputs = readText("deploy/terraform/outputs.tf");
const ofKind = (kind: string) => manifests.filter((manifest) => manifest["kind"] === kind);

/** The body of an output. */
function outputOf(name: string): string {
  return new RegExp(`^output "${name}" \\{(.*?)^\\}`, "ms").exec(outputs)?.[1] ?? "";
}

describe("a secret that edge and cluster share", () => {
  it.for(SHARED)("is one: $name", ({ name, output, secret, key }, { expect }) => {
    // Made once, by its name among the Worker's.
    expect(/for_each = toset\(\[(.*)\]\)/.exec(secrets)?.[1]).toContain(`"${name}"`);
    expect(outputOf("worker_secrets")).toContain("local.generated_secrets");
    expect(readme).toContain("terraform -chdir=deploy/terraform output -json worker_secrets");
    expect(readme).toContain("wrangler deploy --env $E --secrets-file secrets.json");
    expect(readText("edge/environment.ts")).toMatch(new RegExp(`readonly ${name}\\??: string`));
    // Handed to the cluster by the same name.
    expect(outputOf(output)).toContain(`local.generated_secrets["${name}"]`);
    const handed = `secret generic ${secret} --from-literal ${key}="$(output ${output})"`;
    expect(readme).toContain(handed);
    // Read there, and nowhere by another key.
    const references = manifests
      .flatMap(entriesOf)
      .filter(([entry]) => entry === "secretKeyRef" || entry === "secretTargetRef")
      .flatMap(([, value]) => [value].flat())
      .map((value) => z.object({ name: z.string(), key: z.string() }).parse(value))
      .filter((reference) => reference.name === secret);
    expect(references).toEqual([{ name: secret, key }]);
  });

  it("is what KEDA bears to the path that asks for it", ({ expect }) => {
    const [authentication] = ofKind("TriggerAuthentication");
    expect(authentication).toMatchObject({
      metadata: { name: "unmask-scaling" },
      spec: { secretTargetRef: [{ parameter: "token", name: "unmask-scaling", key: "token" }] },
    });
    const [scaled] = ofKind("ScaledObject");
    expect(scaled).toMatchObject({
      spec: {
        triggers: [
          { metadata: { authMode: "bearer" }, authenticationRef: { name: "unmask-scaling" } },
        ],
      },
    });
    const url = JSON.stringify(scaled).match(/"url":"https:\/\/[^/"]+([^"]*)"/)?.[1];
    expect(readText("edge/app.ts")).toContain(`"${url}"`);
  });
});
