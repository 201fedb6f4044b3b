/** A supervisor over nodes that a test starts and ends by hand, by a clock of the test's own. */
import type { NodeBounds } from "../../../../gpu-backend/autoscale/node-bounds.ts";
import type { SupervisedNode } from "../../../../gpu-backend/autoscale/node-slot.ts";
import { NodeSupervisor } from "../../../../gpu-backend/autoscale/node-supervisor.ts";

/** A process that does what it is told. */
export class ScriptedNode implements SupervisedNode {
  readonly slotIndex: number;
  readonly #listening = Promise.withResolvers<void>();
  readonly #exited = Promise.withResolvers<string>();
  readonly listening = this.#listening.promise;
  readonly exited = this.#exited.promise;
  isAlive = true;
  /** Signals, in the order in which they came. */
  readonly heard: string[] = [];

  constructor(slotIndex: number) {
    this.slotIndex = slotIndex;
  }

  listen(): void {
    this.#listening.resolve();
  }

  drain(): void {
    this.heard.push("drain");
  }

  kill(): void {
    this.heard.push("kill");
    this.end("SIGKILL");
  }

  end(how = "exit code 0"): void {
    this.isAlive = false;
    this.#listening.reject(new Error(how));
    this.#exited.resolve(how);
  }
}

/** A supervisor, and what a test does to its world. */
export class ScriptedMachine {
  readonly supervisor: NodeSupervisor<ScriptedNode>;
  /** Every node that was ever started, in order. */
  readonly started: ScriptedNode[] = [];
  /** Events of the log with their fields. */
  readonly log: { event: string; [field: string]: string | number }[] = [];
  /** Most processes that were ever there at once. */
  mostAlive = 0;
  /** How often the number was asked for. */
  readCount = 0;
  nowMs = 0;
  desired: () => Promise<number>;
  /** Thrown by the next start. */
  startFault: Error | null = null;
  isTicking = true;
  #run: () => void = () => undefined;

  constructor(bounds: NodeBounds, desired = 0) {
    this.desired = async () => desired;
    this.supervisor = new NodeSupervisor({
      bounds,
      startNode: (slotIndex) => this.#start(slotIndex),
      readDesired: () => {
        this.readCount += 1;
        return this.desired();
      },
      drainTimeoutMs: 10_000,
      now: () => this.nowMs,
      repeat: (run) => {
        this.#run = run;
        return () => {
          this.isTicking = false;
        };
      },
      log: (event, fields) => this.log.push({ event, ...fields }),
    });
  }

  get alive(): ScriptedNode[] {
    return this.started.filter(({ isAlive }) => isAlive);
  }

  /** Places of the nodes that live and were not told to end. */
  get activeSlots(): number[] {
    return this.alive.filter(({ heard }) => heard.length === 0).map(({ slotIndex }) => slotIndex);
  }

  want(count: number): Promise<void> {
    this.desired = async () => count;
    return this.pass(1_000);
  }

  /** Lets time pass, tick by tick, and what follows from each. */
  async pass(durationMs: number): Promise<void> {
    await this.settle();
    for (let left = durationMs; left > 0; left -= 1_000) {
      this.nowMs += Math.min(left, 1_000);
      if (this.isTicking) this.#run();
      await this.settle();
    }
  }

  /** Lets what was resolved be heard. */
  async settle(): Promise<void> {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }

  #start(slotIndex: number): ScriptedNode {
    const fault = this.startFault;
    this.startFault = null;
    if (fault !== null) throw fault;
    const isTaken = this.alive.some((node) => node.slotIndex === slotIndex);
    if (isTaken) throw new Error(`Place ${slotIndex} is taken.`);
    const node = new ScriptedNode(slotIndex);
    this.started.push(node);
    this.mostAlive = Math.max(this.mostAlive, this.alive.length);
    return node;
  }
}
