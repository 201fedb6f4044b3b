import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, it } from "vitest";
import { runCli } from "../../../../gpu-backend/cli.ts";
import { drawCanvasLines } from "../../../../gpu-backend/commands/client/draw-canvas-lines.ts";
import { Canvas } from "../../../../shared/sdk/canvas.ts";
import { at, step, whole, wholeEvents } from "../../shared/sdk/scripted-api.ts";

interface Seen {
  readonly path: string;
  readonly key: string | undefined;
  readonly body: unknown;
}

let server: Server;
let url: string;
const seen: Seen[] = [];

/** A deployment that answers by path. */
beforeAll(async () => {
  server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const path = request.url ?? "";
    const body = text === "" ? null : JSON.parse(text);
    seen.push({ path, key: request.headers.authorization, body });
    if (path === "/v1/generations") {
      response.setHeader("content-type", "text/event-stream");
      const events = wholeEvents.map(
        (event, i) => `id: ${i + 1}\ndata: ${JSON.stringify(event)}\n\n`,
      );
      response.end(events.join(""));
    } else if (path === "/v1/keys/none") {
      response.statusCode = 404;
      const error = { message: "There is no such key.", type: "t", code: "not_found", param: "id" };
      response.end(JSON.stringify({ error, request_id: null }));
    } else response.end(JSON.stringify({ path, data: [] }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

async function run(args: readonly string[], hasTerminal = false) {
  let [output, error, drawn] = ["", "", ""];
  const code = await runCli([...args, "--url", url, "--key", "unm_test"], {
    writeOutput: (text) => {
      output += text;
    },
    writeError: (text) => {
      error += text;
    },
    terminal: hasTerminal
      ? {
          columns: 20,
          write: (text) => {
            drawn += text;
          },
        }
      : null,
  });
  return { code, output, error, drawn, last: seen.at(-1) };
}

describe("unmask generate", () => {
  it("asks a deployment and writes the text alone", async ({ expect }) => {
    const { code, output, error, last } = await run([
      ...["generate", "Once", "--tier", "fast", "--tokens", "2", "--seed", "7"],
    ]);
    expect({ code, output, error }).toEqual({ code: 0, output: "ab\n", error: "" });
    expect(last).toMatchObject({
      key: "Bearer unm_test",
      body: {
        messages: [{ role: "user", content: "Once" }],
        tier: "fast",
        max_tokens: 2,
        seed: 7,
        stream: true,
      },
    });
  });

  it("takes holes for a template, --text for a text", async ({ expect }) => {
    const hole = await run(["generate", "Tom is a [[1-3]]."]);
    const template = ["Tom is a ", { min_length: 1, max_length: 3 }, "."];
    expect(hole.last?.body).toEqual({ template, stream: true });
    const text = await run(["generate", "Once", "--text"]);
    expect(text.last?.body).toEqual({ prompt: "Once", stream: true });
  });

  it("draws the canvas while it fills and takes it away again", async ({ expect }) => {
    const { drawn, output } = await run(["generate", "Once"], true);
    expect(drawn).toContain("\u001b[2mx");
    expect(drawn).toContain("step 2, 2 passes, 0 masked");
    expect(drawn.endsWith("\u001b[2A\u001b[J")).toBe(true);
    expect(output).toBe("ab\n");
  });

  it("answers everything as one object with --json", async ({ expect }) => {
    const { output, drawn } = await run(["generate", "Once", "--json"], true);
    expect(JSON.parse(output)).toEqual(whole);
    expect(drawn).toBe("");
  });

  it.for([
    [["generate", "Once", "--tier", "best"], "tier"],
    [["generate", "Once", "--tokens", "many"], "tokens"],
    [["keys", "dance"], "action"],
    [["keys", "create", "--concurrency-limit", "some"], "concurrency_limit"],
  ] as const)("refuses %j", async ([args, param], { expect }) => {
    const { code, error } = await run(args);
    expect(code).toBe(2);
    expect(JSON.parse(error.split("\n")[0] ?? "").error).toMatchObject({
      code: "invalid_parameter",
      param,
    });
  });
});

describe("unmask generate in this process", () => {
  const runHere = async (...args: string[]) => {
    let [output, error] = ["", ""];
    const code = await runCli(["generate", ...args], {
      writeOutput: (text) => {
        output += text;
      },
      writeError: (text) => {
        error += text;
      },
    });
    return { code, output, error };
  };

  it("writes what the embedded model writes, the same each time", async ({ expect }) => {
    const args = ["Once upon a time", "--text", "--tokens", "8", "--tier", "quality", "--json"];
    const first = await runHere(...args);
    expect({ code: first.code, error: first.error }).toEqual({ code: 0, error: "" });
    const { text, usage } = JSON.parse(first.output);
    expect(text).not.toBe("");
    expect(usage).toMatchObject({ completion_tokens: 8, steps: 8, step_units: 8 });
    expect((await runHere(...args)).output).toBe(first.output);
  });

  it("fills a template, and writes the whole of it", async ({ expect }) => {
    const { code, output, error } = await runHere("Tom is a [[1-3]] cat. He [[2]].");
    expect({ code, error }).toEqual({ code: 0, error: "" });
    expect(output).toMatch(/^Tom is a .+ cat\. He .+\.\n$/s);
  });

  it("says what is wrong with a request", async ({ expect }) => {
    const { code, error } = await runHere("Once", "--tokens", "300");
    expect(code).toBe(2);
    expect(JSON.parse(error).error).toMatchObject({
      code: "context_length_exceeded",
      param: expect.any(String),
    });
  });
});

describe("the other commands of a deployment", () => {
  it.for([
    [["quote", "Once"], "/v1/quote"],
    [["keys", "list"], "/v1/keys?limit=100"],
    [["keys", "create", "--name", "app", "--limit", "5"], "/v1/keys"],
    [["keys", "rotate", "--id", "k"], "/v1/keys/k/rotate"],
    [["status"], "/v1/tiers"],
  ] as const)("%j asks %s", async ([args, path], { expect }) => {
    const before = seen.length;
    const { code, error } = await run(args);
    expect({ code, error }).toEqual({ code: 0, error: "" });
    expect(seen.slice(before).map((one) => one.path)).toContain(path);
  });

  it("send a new key's bounds as they were given", async ({ expect }) => {
    const bounds = ["--limit", "5", "--concurrency-limit", "4", "--tiers", "draft,fast"];
    const { code } = await run(["keys", "create", ...bounds]);
    expect(code).toBe(0);
    expect(seen.at(-1)).toMatchObject({
      path: "/v1/keys",
      body: { spending_limit: 5, concurrency_limit: 4, tiers: ["draft", "fast"] },
    });
  });

  it("tell what the deployment says is wrong", async ({ expect }) => {
    const { code, error } = await run(["keys", "revoke", "--id", "none"]);
    expect(code).toBe(2);
    expect(JSON.parse(error)).toEqual({
      error: { code: "not_found", message: "There is no such key.", param: "id" },
    });
  });
});

describe("unmask completion", () => {
  it.for(["bash", "zsh", "fish"])("knows every command in %s", async (shell, { expect }) => {
    let output = "";
    const streams = {
      writeOutput: (text: string) => {
        output += text;
      },
      writeError: () => undefined,
    };
    expect(await runCli(["completion", shell], streams)).toBe(0);
    for (const word of ["generate", "import", "temperature"]) expect(output).toContain(word);
  });
});

describe("a canvas on a terminal", () => {
  it("is broken where the line ends, wide characters counted twice", ({ expect }) => {
    const started = wholeEvents[1];
    if (started?.type !== "started") throw new Error("The events have changed.");
    const canvas = Canvas.begin({ ...started, canvas_length: 6 }).apply(
      step(1, { committed: [at(3, "ab\nc"), at(4, "床前")] }),
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters.
    const plain = drawCanvasLines(canvas, 4).map((line) => line.replaceAll(/\u001b\[[\d;]*m/g, ""));
    expect(plain).toEqual(["ab", "c床", "前░"]);
  });
});
