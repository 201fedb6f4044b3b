/** Pool: nodes, queue, step time and the scaling decision, for the operator. */
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { ErrorNote } from "../error-note.tsx";
import { Figures } from "../figures.tsx";
import { ScrollBox } from "../scroll-box.tsx";
import { useAnswer } from "../use-answer.ts";
import { type PoolState, readPool } from "./read-pool.ts";

const REFRESH_MS = 2_000;

/** The page. */
export function PoolPage({ operatorSecret }: { readonly operatorSecret: string }): JSX.Element {
  const pool = useAnswer(
    operatorSecret === "" ? null : (signal) => readPool(operatorSecret, signal),
    [operatorSecret],
  );
  useEffect(() => {
    const timer = setInterval(pool.again, REFRESH_MS);
    return () => clearInterval(timer);
  }, [pool.again]);
  return (
    <div class="page">
      <section class="panel" aria-labelledby="pool-title">
        <h1 id="pool-title">Pool</h1>
        {operatorSecret === "" && <p>Sign in with the operator's secret to see the pool.</p>}
        <ErrorNote error={pool.error} />
        {pool.answer !== null && <Decision pool={pool.answer} />}
      </section>
      {pool.answer !== null && <Nodes pool={pool.answer} />}
    </div>
  );
}

function Decision({ pool: { scaling } }: { readonly pool: PoolState }): JSX.Element {
  const rows = [
    ["Nodes wanted", scaling.desired_nodes],
    ["Ready", scaling.ready_nodes],
    ["Draining", scaling.draining_nodes],
    ["Requests without a node", scaling.waiting_requests],
    ["Step units that wait", scaling.backlog_step_units],
    ["Step units that run", scaling.running_step_units],
  ] as const;
  return <Figures rows={rows} />;
}

function Nodes({ pool: { nodes } }: { readonly pool: PoolState }): JSX.Element {
  return (
    <section class="panel" aria-labelledby="nodes-title">
      <h2 id="nodes-title">Nodes</h2>
      <ScrollBox label="Nodes of the pool">
        <table>
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col">Model</th>
              <th scope="col">State</th>
              <th scope="col">Running</th>
              <th scope="col">Waiting</th>
              <th scope="col">A step</th>
              <th scope="col">By shape</th>
            </tr>
          </thead>
          <tbody>
            {nodes.map((node) => (
              <tr key={node.node_id}>
                <td>{node.node_id}</td>
                <td>{node.model.id}</td>
                <td>{node.is_draining ? "draining" : "ready"}</td>
                <td class="number">
                  {node.running_count} ({node.running_step_units} units)
                </td>
                <td class="number">
                  {node.waiting_count} ({node.queued_step_units} units)
                </td>
                <td class="number">{node.step_ms.toFixed(1)} ms</td>
                <td>
                  {node.step_times
                    .map(({ shape, step_ms: ms }) => `${shape}: ${ms.toFixed(1)} ms`)
                    .join(", ")}
                </td>
              </tr>
            ))}
            {nodes.length === 0 && (
              <tr>
                <td colSpan={7}>No node is there.</td>
              </tr>
            )}
          </tbody>
        </table>
      </ScrollBox>
    </section>
  );
}
