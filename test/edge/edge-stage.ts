import { afterAll, beforeAll } from "vitest";
import {
  createTestAccount,
  startTestEdge,
  type TestAccount,
  type TestEdge,
} from "./edge-harness.ts";
import { type ScriptedNode, startScriptedNode } from "./scripted-node.ts";

/** What most test files play on; there from the first test to the last. */
export interface EdgeStage {
  node: ScriptedNode;
  edge: TestEdge;
  account: TestAccount;
  /** Opens another account. */
  openAccount(): Promise<TestAccount>;
}

/** A scripted node, an edge over it and an account of their own for the file that calls this. */
export function useEdgeStage(bindings: Readonly<Record<string, string>> = {}): EdgeStage {
  const stage: Partial<EdgeStage> = {};
  beforeAll(async () => {
    stage.node = await startScriptedNode();
    const edge = await startTestEdge([stage.node.url], bindings);
    stage.edge = edge;
    stage.openAccount = () => createTestAccount(edge);
    stage.account = await createTestAccount(edge);
  });
  afterAll(() => Promise.all([stage.edge?.stop(), stage.node?.stop()]));
  return stage as EdgeStage;
}
