/**
 * Loaded before everything else into every thread of the benchmark (`node --import`): has each session of
 * ONNX Runtime tell the run log when it runs, and write a profile where one is wanted. So the product is
 * measured as it is, through the doors that it has.
 */
import { InferenceSession } from "onnxruntime-node";
import { GRAPH_NAMES } from "../../../gpu-backend/model/graph.ts";
import { profilePrefix, RunLog } from "./run-log.ts";

type Feeds = Readonly<Record<string, { readonly dims: readonly number[] }>>;
type Run = (feeds: Feeds, ...rest: unknown[]) => Promise<unknown>;
type Create = (graph: unknown, options: object) => Promise<InferenceSession>;

const log = RunLog.find();
if (log !== null) watchSessions(log);

function watchSessions(runLog: RunLog): void {
  const factory = InferenceSession as unknown as { create: Create };
  const create = factory.create.bind(factory);
  factory.create = async (graph, options) => {
    const prefix = profilePrefix();
    const profiling = { enableProfiling: true, profileFilePrefix: prefix };
    const session = await create(graph, { ...options, ...(prefix === null ? {} : profiling) });
    watchRuns(session, runLog);
    if (prefix !== null) endProfileOnRelease(session);
    return session;
  };
}

function watchRuns(session: InferenceSession, runLog: RunLog): void {
  const watched = session as unknown as { run: Run };
  const run = watched.run.bind(session);
  watched.run = (feeds, ...rest) => {
    const [rows = 0, length = 0] = feeds[GRAPH_NAMES.tokenIds]?.dims ?? [];
    return runLog.time({ rows, length }, () => run(feeds, ...rest));
  };
}

function endProfileOnRelease(session: InferenceSession): void {
  const release = session.release.bind(session);
  session.release = async () => {
    session.endProfiling();
    await release();
  };
}
