/** The API's reference as one page that loads nothing: the table of operations, in words. */
import { z } from "zod";
import { ERROR_RULES } from "#shared/contracts/errors.ts";
import type { AppContext } from "../environment.ts";
import { OPERATIONS, type Operation } from "./openapi-operations.ts";

const STYLE = `
  body { max-width: 52rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; }
  h2 { margin-top: 2.5rem; font: 600 1.05rem ui-monospace, monospace; }
  code, td:first-child { font-family: ui-monospace, monospace; }
  h2, p, td { overflow-wrap: anywhere; }
  table { border-collapse: collapse; width: 100%; }
  td, th { text-align: left; vertical-align: top; padding: 0.2rem 1rem 0.2rem 0; }
  tr + tr { border-top: 1px solid color-mix(in srgb, currentColor 15%, transparent); }
  :root { color-scheme: light dark; background: light-dark(#fff, #15161d); color: light-dark(#16181f, #eceef5); }
  a { color: light-dark(#4338ca, #a5a0ff); }
`;

/** `GET /docs`: written when it is first asked for. */
export function createDocsHandler(): (context: AppContext) => Response {
  let page: string | null = null;
  return (context) => {
    page ??= writePage();
    context.header("content-type", "text/html; charset=utf-8");
    context.header(
      "content-security-policy",
      "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    );
    return context.body(page);
  };
}

function writePage(): string {
  const codes = Object.entries(ERROR_RULES).map(([code, { status, type, isRetryable }]) =>
    writeRow([code, String(status), type, isRetryable ? "may be sent again" : ""], code),
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Unmask API</title>
<style>${STYLE}</style>
<main>
<h1>Unmask API</h1>
<p>Text from diffusion language models, paid by the denoising step. Send your key as
<code>authorization: Bearer &lt;key&gt;</code>. Money is in whole micro-dollars. The same as
<a href="/openapi.json">OpenAPI 3.1</a>. The <a href="/docs/quickstart">guides</a> begin with a first answer in five
minutes; the <a href="/">console</a> shows the canvas.</p>
${OPERATIONS.map(writeOperation).join("\n")}
<h2>Errors</h2>
<table>${codes.join("\n")}</table>
</main>
</html>
`;
}

function writeOperation(operation: Operation): string {
  const { method, path, summary, bearer, body, query } = operation;
  const fields = [...writeFields(body), ...writeFields(query)];
  const table = fields.length === 0 ? "" : `<table>${fields.join("\n")}</table>`;
  return `<h2>${method.toUpperCase()} ${escapeHtml(path)}</h2>
<p>${escapeHtml(summary)} Needs: ${escapeHtml(bearer)}.</p>
${table}`;
}

/** A row for each field: its name, whether it is required, its type. */
function writeFields(schema: z.ZodType | undefined): string[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
  });
  return Object.entries(properties).map(([name, field]) =>
    writeRow([name, required.includes(name) ? "required" : "", describeType(field)]),
  );
}

function describeType(field: z.core.JSONSchema._JSONSchema): string {
  if (typeof field === "boolean") return "";
  if (field.anyOf !== undefined) return field.anyOf.map(describeType).join(" or ");
  if (field.enum !== undefined) return field.enum.map((value) => JSON.stringify(value)).join(" | ");
  const { minimum, maximum } = field;
  const hasRange = minimum !== undefined && maximum !== undefined;
  return `${field.type ?? "any"}${hasRange ? ` from ${minimum} to ${maximum}` : ""}`;
}

/** @param id What an address may point at: of an error, its code. */
function writeRow(cells: readonly string[], id?: string): string {
  const start = id === undefined ? "<tr>" : `<tr id="${id}">`;
  return `${start}${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("")}</tr>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
