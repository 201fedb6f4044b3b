/** The guides of edge/guides as pages beside the console. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { marked } from "marked";

/** A page, or a picture of one, as it is written out. */
export interface GuidePage {
  /** Below the site's root: `docs/quickstart.html`. */
  readonly fileName: string;
  readonly source: string;
}

/** In the order in which they are read. */
const ORDER = [
  "quickstart",
  "tiers-and-price",
  "streaming-a-canvas",
  "infilling-and-json",
  "scoring",
  "idempotency-and-cancellation",
  "your-own-pool",
  "your-own-checkpoint",
];

/**
 * Writes every guide of `directory` as a page.
 *
 * @throws Error if a guide is not in the order, or the order names one that is not there.
 */
export function writeGuidePages(directory: string): GuidePage[] {
  const found = readdirSync(directory).map((file) => file.replace(/\.md$/, ""));
  const strays = found.filter((name) => !ORDER.includes(name));
  if (strays.length > 0) throw new Error(`Not in the order of guides: ${strays.join(", ")}.`);
  const titles = new Map(ORDER.map((name) => [name, readTitle(read(directory, name))]));
  return ORDER.flatMap((name) => {
    const markdown = read(directory, name);
    const pictures = [...markdown.matchAll(/!\[[^\]]*\]\(([^)]+\.svg)\)/g)];
    return [
      {
        fileName: `docs/${name}.html`,
        source: writePage(name, titles, marked.parse(markdown, { async: false })),
      },
      ...pictures.map(([, path = ""]) => ({
        fileName: `docs/${basename(path)}`,
        source: readFileSync(join(directory, path), "utf8"),
      })),
    ];
  });
}

function read(directory: string, name: string): string {
  return readFileSync(join(directory, `${name}.md`), "utf8");
}

function readTitle(markdown: string): string {
  return /^# (.+)$/m.exec(markdown)?.[1] ?? "";
}

function writePage(name: string, titles: ReadonlyMap<string, string>, body: string): string {
  const links = [...titles].map(([other, title]) => {
    const current = other === name ? ' aria-current="page"' : "";
    return `<li><a href="/docs/${other}"${current}>${title}</a></li>`;
  });
  const reachable = body
    // What is wider than the screen scrolls in itself, and is reached by keyboard.
    .replaceAll("<pre>", '<pre tabindex="0">')
    .replaceAll(/href="([\w-]+)\.md"/g, 'href="/docs/$1"')
    // Pictures stand beside the pages, wherever the repository has them.
    .replaceAll(/src="[^"]*\/([\w-]+\.svg)"/g, 'src="/docs/$1"');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${titles.get(name)} · Unmask</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/guides.css">
</head>
<body>
<header><a href="/">Unmask</a> <a href="/docs">API reference</a></header>
<nav aria-label="Guides"><ul>${links.join("")}</ul></nav>
<main>${reachable}</main>
</body>
</html>
`;
}
