import { describe, it } from "vitest";
import { createFaultReporter } from "../../../edge/report-fault.ts";
import { toApiError } from "../../../shared/contracts/error-body.ts";

describe("a fault's report", () => {
  it("names the request, the code and the place, and repeats no message", ({ expect }) => {
    const lines: string[] = [];
    const report = createFaultReporter((line) => lines.push(line));
    const thrown = new TypeError("a secret prompt\nat the end: secret");
    report({ requestId: "req_1", error: toApiError(thrown), thrown });
    report({ requestId: "req_2", error: toApiError("secret"), thrown: "secret" });
    const [first, second] = lines.map((line) => JSON.parse(line));
    expect(first).toMatchObject({ request_id: "req_1", code: "internal_error", kind: "TypeError" });
    expect(first.stack[0]).toMatch(/^at .*:\d+:\d+/);
    expect(second).toMatchObject({ request_id: "req_2", kind: "string", stack: [] });
    expect(lines.join()).not.toContain("secret");
  });
});
