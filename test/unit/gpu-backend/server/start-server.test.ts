import { once } from "node:events";
import { connect } from "node:net";
import { describe, it } from "vitest";
import { startServer } from "../../../../gpu-backend/server/start-server.ts";

const LOCAL = { host: "127.0.0.1", port: 0 } as const;

describe("startServer", () => {
  it("has an address when it resolves, and none that is taken", async ({ expect }) => {
    const server = await startServer(() => new Response("here"), LOCAL);
    expect(await (await fetch(server.url)).text()).toBe("here");
    const taken = { host: "127.0.0.1", port: Number(new URL(server.url).port) };
    await expect(startServer(() => new Response(), taken)).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
    await server.close();
    await expect(fetch(server.url)).rejects.toThrow();
  });

  it("lets an answer end before it closes the connection", async ({ expect }) => {
    let finish: () => void = () => undefined;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("be"));
        finish = () => {
          controller.enqueue(new TextEncoder().encode("gun"));
          controller.close();
        };
      },
    });
    const server = await startServer(() => new Response(body), LOCAL);
    const response = await fetch(server.url);
    const closed = server.close();
    finish();
    expect(await response.text()).toBe("begun");
    await closed;
  });

  it("cuts a connection whose client takes nothing", async () => {
    const cancelled = Promise.withResolvers<void>();
    const chunk = new Uint8Array(64 * 1024);
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(chunk),
      cancel: () => cancelled.resolve(),
    });
    const server = await startServer(() => new Response(endless), {
      ...LOCAL,
      stalledTimeoutMs: 100,
    });
    const socket = connect(Number(new URL(server.url).port), LOCAL.host);
    socket.pause();
    socket.on("error", () => undefined);
    await once(socket, "connect");
    socket.write("GET / HTTP/1.1\r\nhost: node\r\n\r\n");
    await cancelled.promise;
    socket.destroy();
    await server.close();
  });
});
