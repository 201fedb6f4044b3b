/**
 * The Chromium that lies in the npm package `@sparticuz/chromium`, with the libraries that it needs: no
 * machine has to have a browser.
 */
import { existsSync } from "node:fs";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };

/** Where a browser is, and what it is started with. */
export interface UnpackedChromium {
  readonly executablePath: string;
  readonly args: string[];
  readonly env: Record<string, string>;
}

/** The console is tested under the rules that visitors' browsers keep. */
const UNSAFE_FLAGS = new Set(["--disable-web-security", "--allow-running-insecure-content"]);

/** Unpacks it once for each version; two processes at once do not see each other's halves. */
export async function unpackChromium(): Promise<UnpackedChromium> {
  const version = packageJson.devDependencies["@sparticuz/chromium"];
  const directory = join(tmpdir(), `unmask-browser-${version}`);
  // The package unpacks its own libraries only on the image that it is made for.
  const args = await withEnvironment({ AWS_EXECUTION_ENV: "24.x" }, async () => {
    const { default: chromium } = await import("@sparticuz/chromium");
    if (!existsSync(directory)) {
      const partial = await mkdtemp(`${directory}-`);
      await withEnvironment({ TMPDIR: partial }, () => chromium.executablePath());
      await writeFile(join(partial, "fonts", "fonts.conf"), fontsIn(directory));
      await rename(partial, directory).catch(() => rm(partial, { recursive: true }));
    }
    return chromium.args;
  });
  return {
    executablePath: join(directory, "chromium"),
    args: args.filter((flag) => !UNSAFE_FLAGS.has(flag)),
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: directory,
      LD_LIBRARY_PATH: join(directory, "al2023", "lib"),
      FONTCONFIG_PATH: join(directory, "fonts"),
    },
  };
}

/**
 * The package's own settings look for fonts where its image has them and in `/tmp/fonts`; without any, Chromium
 * ends at the first letter.
 */
function fontsIn(directory: string): string {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${join(directory, "fonts", "fonts")}</dir>
  <cachedir>${join(directory, "fonts-cache")}</cachedir>
</fontconfig>
`;
}

/** Leaves the environment as it was, whatever `act` adds. */
async function withEnvironment<Result>(
  values: Readonly<Record<string, string>>,
  act: () => Promise<Result>,
): Promise<Result> {
  const before = { ...process.env };
  Object.assign(process.env, values);
  try {
    return await act();
  } finally {
    for (const name of Object.keys(process.env)) {
      if (!(name in before)) delete process.env[name];
    }
    Object.assign(process.env, before);
  }
}
