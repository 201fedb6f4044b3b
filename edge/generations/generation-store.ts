/**
 * The rows of one generation: what was asked for, every event that was told, where a node left off.
 *
 * Owns: the tables. They are made when a generation begins, so that asking for one that never was
 * leaves nothing behind. Does not own: transactions, and when all of it goes (generation-object.ts).
 */
import {
  type GenerationEvent,
  generationEventSchema,
} from "#shared/contracts/generation-events.ts";
import type { NodeGenerationRequest, NodeModel } from "#shared/contracts/node-wire.ts";
import type { TemplatePart } from "#shared/contracts/template.ts";
import type { RunPosition } from "../pool/run-progress.ts";
import type { HeldGeneration } from "./open-tab.ts";

/** A generation as an object is handed it: its price is held. */
export interface HostedOrder extends HeldGeneration {
  readonly model: NodeModel;
  /** Micro-dollars a step unit. */
  readonly unitPrice: number;
  readonly request: NodeGenerationRequest;
  /** As the client wrote it; null where there is none. */
  readonly template: readonly TemplatePart[] | null;
  /** True if it runs on when nobody listens. */
  readonly isBackground: boolean;
}

/** An event with its number, from 1. */
export interface StoredEvent {
  readonly sequence: number;
  readonly type: string;
  readonly data: string;
}

type SqlValue = string | number | null | ArrayBuffer;
type SqlRow = Record<string, SqlValue>;

/** The part of `SqlStorage` that is used here. */
export interface Sql {
  exec(query: string, ...bindings: (string | number | null)[]): { toArray(): SqlRow[] };
}

/** Read at once for one reader, at most. */
const MAX_EVENTS = 100;

/** The rows of a generation that was begun. */
export class GenerationStore {
  readonly #sql: Sql;
  readonly order: HostedOrder;

  /** Use {@link GenerationStore.find} or {@link GenerationStore.create}. */
  constructor(sql: Sql, order: HostedOrder) {
    this.#sql = sql;
    this.order = order;
  }

  /** The generation that was begun here, or `null`. */
  static find(sql: Sql): GenerationStore | null {
    const [table] = sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'generation'").toArray();
    if (table === undefined) return null;
    const [row] = sql.exec("SELECT hosted FROM generation").toArray();
    return row === undefined ? null : new GenerationStore(sql, JSON.parse(String(row["hosted"])));
  }

  /** Makes the tables. */
  static create(sql: Sql, order: HostedOrder): GenerationStore {
    sql.exec(`CREATE TABLE generation (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      hosted TEXT NOT NULL,
      position TEXT
    ) STRICT;
    CREATE TABLE event (
      sequence INTEGER PRIMARY KEY,
      type TEXT NOT NULL,
      data TEXT NOT NULL
    ) STRICT;`);
    sql.exec("INSERT INTO generation (id, hosted) VALUES (1, ?)", JSON.stringify(order));
    return new GenerationStore(sql, order);
  }

  /** Adds an event behind the last one. */
  append(event: GenerationEvent): void {
    this.#sql.exec(
      "INSERT INTO event (type, data) VALUES (?, ?)",
      event.type,
      JSON.stringify(event),
    );
  }

  /** Events after `sequence`, oldest first; not all of them at once. */
  read(sequence: number): StoredEvent[] {
    return this.#sql
      .exec(
        "SELECT * FROM event WHERE sequence > ? ORDER BY sequence LIMIT ?",
        sequence,
        MAX_EVENTS,
      )
      .toArray()
      .map((row) => ({
        sequence: Number(row["sequence"]),
        type: String(row["type"]),
        data: String(row["data"]),
      }));
  }

  /** Every event, for whoever begins to look on. */
  readAll(): GenerationEvent[] {
    return this.#sql
      .exec("SELECT data FROM event ORDER BY sequence")
      .toArray()
      .map((row) => generationEventSchema.parse(JSON.parse(String(row["data"]))));
  }

  /** Keeps how far it has come: another node goes on from there. */
  keepPosition(position: RunPosition): void {
    this.#sql.exec("UPDATE generation SET position = ?", JSON.stringify(position));
  }

  /** How far it has come; `null` before the first node. */
  readPosition(): RunPosition | null {
    const [row] = this.#sql.exec("SELECT position FROM generation").toArray();
    const position = row?.["position"];
    return typeof position === "string" ? JSON.parse(position) : null;
  }
}
