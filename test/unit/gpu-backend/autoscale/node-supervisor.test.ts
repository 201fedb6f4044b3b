import { describe, it } from "vitest";
import { ScriptedMachine } from "./scripted-machine.ts";

const RANGE = { min: 0, max: 4 };

describe("a supervisor of nodes that follows a number", () => {
  it("starts nothing while nothing is wanted", async ({ expect }) => {
    const machine = new ScriptedMachine(RANGE);
    await machine.pass(60_000);
    expect(machine.started).toEqual([]);
  });

  it("starts what is missing, drains the newest first, and comes back to none", async ({
    expect,
  }) => {
    const machine = new ScriptedMachine(RANGE);
    await machine.want(1);
    expect(machine.activeSlots).toEqual([0]);
    await machine.want(3);
    expect(machine.activeSlots).toEqual([0, 1, 2]);
    await machine.want(2);
    expect(machine.activeSlots).toEqual([0, 1]);
    expect(machine.started[2]?.heard).toEqual(["drain"]);
    machine.started[2]?.end();
    await machine.want(0);
    expect(machine.activeSlots).toEqual([]);
    for (const node of machine.alive) node.end();
    await machine.pass(60_000);
    expect(machine.started.length).toBe(3);
    expect(machine.alive).toEqual([]);
  });

  it("drains the newest node, not that of the last place", async ({ expect }) => {
    const machine = new ScriptedMachine({ min: 0, max: 3 });
    await machine.want(3);
    machine.started[0]?.end("SIGKILL");
    // Its successor in place 0 is the newest.
    await machine.pass(3_000);
    expect(machine.started.map(({ slotIndex }) => slotIndex)).toEqual([0, 1, 2, 0]);
    await machine.want(2);
    expect(machine.activeSlots).toEqual([1, 2]);
  });

  it("asks a node to end once, however long it takes", async ({ expect }) => {
    const machine = new ScriptedMachine(RANGE, 1);
    await machine.pass(1_000);
    await machine.want(0);
    await machine.pass(5_000);
    expect(machine.started[0]?.heard).toEqual(["drain"]);
  });

  it("keeps inside its bounds, whatever is wanted", async ({ expect }) => {
    const machine = new ScriptedMachine({ min: 1, max: 2 });
    expect(machine.activeSlots).toEqual([0]);
    await machine.want(1_000);
    expect(machine.activeSlots).toEqual([0, 1]);
    await machine.want(0);
    expect(machine.activeSlots).toEqual([0]);
  });

  it("never has more processes than allowed, draining ones counted", async ({ expect }) => {
    const machine = new ScriptedMachine({ min: 0, max: 2 });
    await machine.want(2);
    await machine.want(0);
    await machine.want(2);
    // Both places are taken by nodes that still drain.
    expect(machine.started.length).toBe(2);
    machine.started[1]?.end();
    await machine.pass(1_000);
    expect(machine.activeSlots).toEqual([1]);
    machine.started[0]?.end();
    await machine.pass(1_000);
    expect(machine.activeSlots.sort()).toEqual([0, 1]);
    expect(machine.mostAlive).toBe(2);
  });

  it("keeps a fixed number without asking", async ({ expect }) => {
    const machine = new ScriptedMachine({ min: 2, max: 2 });
    await machine.pass(10_000);
    expect(machine.activeSlots).toEqual([0, 1]);
    expect(machine.readCount).toBe(0);
  });

  it("asks once at a time, and acts on an answer that was long in coming", async ({ expect }) => {
    const machine = new ScriptedMachine(RANGE);
    await machine.settle();
    const answer = Promise.withResolvers<number>();
    const readBefore = machine.readCount;
    machine.desired = () => answer.promise;
    await machine.pass(30_000);
    expect(machine.readCount).toBe(readBefore + 1);
    answer.resolve(2);
    await machine.settle();
    expect(machine.activeSlots).toEqual([0, 1]);
  });

  it("stays with the last number while nobody tells another, and says so once", async ({
    expect,
  }) => {
    const machine = new ScriptedMachine({ min: 0, max: 2 });
    await machine.want(2);
    machine.desired = () => Promise.reject(new Error("nobody there"));
    await machine.pass(30_000);
    machine.started[1]?.end("SIGKILL");
    await machine.pass(30_000);
    expect(machine.activeSlots).toEqual([0, 1]);
    const unread = machine.log.filter(({ event }) => event === "nodes_wanted_unread");
    expect(unread).toEqual([{ event: "nodes_wanted_unread", why: "Error: nobody there", kept: 2 }]);
    await machine.want(0);
    expect(machine.activeSlots).toEqual([]);
  });
});

describe("a supervisor of nodes that die", () => {
  it("starts again what died, after pauses that double up to a minute", async ({ expect }) => {
    const machine = new ScriptedMachine({ min: 1, max: 1 });
    const pausesMs: number[] = [];
    for (let death = 1; death <= 9; death++) {
      const diedAt = machine.nowMs;
      machine.started.at(-1)?.end("exit code 2");
      await machine.settle();
      while (machine.alive.length === 0) await machine.pass(1_000);
      pausesMs.push(machine.nowMs - diedAt);
    }
    expect(pausesMs.map((ms) => ms / 1_000)).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
    const lost = machine.log.find(({ event }) => event === "node_lost");
    expect(lost).toEqual({ event: "node_lost", slot: 0, how: "exit code 2", rest_ms: 1_000 });
  });

  it("forgets deaths before a minute's work, not before a long start", async ({ expect }) => {
    const machine = new ScriptedMachine({ min: 1, max: 1 });
    const restMs = () => machine.log.findLast(({ event }) => event === "node_lost")?.["rest_ms"];
    const die = async () => {
      machine.started.at(-1)?.end("SIGKILL");
      await machine.settle();
    };
    await die();
    await machine.pass(1_000);
    await machine.pass(120_000);
    await die();
    expect(restMs()).toBe(2_000);
    await machine.pass(2_000);
    machine.started.at(-1)?.listen();
    await machine.pass(59_000);
    await die();
    expect(restMs()).toBe(4_000);
    await machine.pass(4_000);
    machine.started.at(-1)?.listen();
    await machine.settle();
    await machine.pass(60_000);
    await die();
    expect(restMs()).toBe(1_000);
  });

  it("does not evade a pause by another place, but tries that one next", async ({ expect }) => {
    const machine = new ScriptedMachine(RANGE);
    await machine.want(1);
    machine.started[0]?.end("exit code 1");
    await machine.settle();
    await machine.pass(500);
    expect(machine.alive).toEqual([]);
    await machine.pass(500);
    expect(machine.activeSlots).toEqual([1]);
  });

  it("does not start again what is wanted no more", async ({ expect }) => {
    const machine = new ScriptedMachine(RANGE);
    await machine.want(1);
    machine.started[0]?.end("SIGKILL");
    await machine.settle();
    machine.desired = async () => 0;
    await machine.pass(500);
    await machine.pass(60_000);
    expect(machine.started.length).toBe(1);
  });

  it("takes a start that throws for a death", async ({ expect }) => {
    const machine = new ScriptedMachine(RANGE);
    machine.startFault = new Error("no process left");
    await machine.want(1);
    const lost = machine.log.find(({ event }) => event === "node_lost");
    expect(lost).toMatchObject({ how: "Error: no process left", rest_ms: 1_000 });
    await machine.pass(1_000);
    expect(machine.alive.length).toBe(1);
  });

  it("ends a node that does not end when it is asked to, after its time", async ({ expect }) => {
    const machine = new ScriptedMachine(RANGE);
    await machine.want(1);
    await machine.want(0);
    await machine.pass(9_000);
    expect(machine.started[0]?.heard).toEqual(["drain"]);
    await machine.pass(1_000);
    expect(machine.started[0]?.heard).toEqual(["drain", "kill"]);
    expect(machine.log.slice(-2)).toEqual([
      { event: "node_killed", slot: 0 },
      { event: "node_ended", slot: 0, how: "SIGKILL" },
    ]);
  });
});

describe("a supervisor of nodes that is stopped", () => {
  it("drains all and is done when the last one is gone", async ({ expect }) => {
    const machine = new ScriptedMachine({ min: 2, max: 4 });
    let isStopped = false;
    const stopped = machine.supervisor.stop().then(() => {
      isStopped = true;
    });
    expect(machine.started.map(({ heard }) => heard)).toEqual([["drain"], ["drain"]]);
    machine.started[0]?.end();
    await machine.pass(3_000);
    expect(isStopped).toBe(false);
    machine.started[1]?.end();
    await stopped;
    expect(machine.isTicking).toBe(false);
    expect(machine.started.length).toBe(2);
  });

  it("is done at once without nodes", async ({ expect }) => {
    const machine = new ScriptedMachine(RANGE);
    await machine.supervisor.stop();
    expect(machine.isTicking).toBe(false);
  });

  it("may be told twice", async ({ expect }) => {
    const machine = new ScriptedMachine({ min: 1, max: 1 });
    const both = [machine.supervisor.stop(), machine.supervisor.stop()];
    expect(machine.started[0]?.heard).toEqual(["drain"]);
    machine.started[0]?.end();
    await Promise.all(both);
    await machine.supervisor.stop();
  });

  it("ends nodes that only start, and those that do not end", async ({ expect }) => {
    const machine = new ScriptedMachine({ min: 2, max: 2 });
    machine.started[0]?.listen();
    const stopped = machine.supervisor.stop();
    machine.started[1]?.end("SIGTERM");
    await machine.pass(10_000);
    await stopped;
    expect(machine.started.map(({ heard }) => heard)).toEqual([["drain", "kill"], ["drain"]]);
  });

  it("starts nothing more, whatever is still to be told or to be started again", async ({
    expect,
  }) => {
    const machine = new ScriptedMachine(RANGE, 1);
    await machine.pass(1_000);
    const answer = Promise.withResolvers<number>();
    machine.desired = () => answer.promise;
    await machine.pass(1_000);
    machine.started[0]?.end("SIGKILL");
    await machine.settle();
    const stopped = machine.supervisor.stop();
    answer.resolve(4);
    await stopped;
    await machine.pass(60_000);
    expect(machine.started.length).toBe(1);
  });
});
