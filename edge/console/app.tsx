/** The frame around the pages: which one is shown, and the visitor's keys. */
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { connect } from "./connect.ts";
import { type Credentials, keepCredentials, readCredentials } from "./credentials.ts";
import { CredentialsForm } from "./credentials-form.tsx";
import { KeysPage } from "./keys/keys-page.tsx";
import { Playground } from "./playground/playground.tsx";
import { PoolPage } from "./pool/pool-page.tsx";
import { UsagePage } from "./usage/usage-page.tsx";

const PAGES = ["playground", "usage", "keys", "pool"] as const;
type Page = (typeof PAGES)[number];
const TITLES: Readonly<Record<Page, string>> = {
  playground: "Playground",
  usage: "Usage",
  keys: "Keys",
  pool: "Pool",
};

/** The console. */
export function App(): JSX.Element {
  const [credentials, setCredentials] = useState<Credentials>(readCredentials);
  const page = usePage();
  const connection = useMemo(() => connect(credentials), [credentials]);
  useEffect(() => {
    document.title = `${TITLES[page]} · Unmask`;
  }, [page]);
  const keep = (changed: Credentials) => {
    keepCredentials(changed);
    setCredentials(changed);
  };
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <header class="top">
        <a class="brand" href="#playground">
          <img src="/favicon.svg" alt="" width="24" height="24" /> Unmask
        </a>
        <nav aria-label="Pages">
          {PAGES.map((one) => (
            <a key={one} href={`#${one}`} aria-current={one === page ? "page" : undefined}>
              {TITLES[one]}
            </a>
          ))}
          <a href="/docs">Docs</a>
        </nav>
        <CredentialsForm credentials={credentials} onKeep={keep} />
      </header>
      <main id="main" tabIndex={-1}>
        {page === "playground" && (
          <Playground connection={connection} apiKey={credentials.apiKey} />
        )}
        {page === "usage" && <UsagePage connection={connection} />}
        {page === "keys" && <KeysPage connection={connection} />}
        {page === "pool" && <PoolPage operatorSecret={credentials.operatorSecret} />}
      </main>
    </>
  );
}

/** The page that the address names. */
function usePage(): Page {
  const read = () => PAGES.find((page) => location.hash === `#${page}`);
  const [page, setPage] = useState<Page>(read() ?? "playground");
  useEffect(() => {
    // `#main` is the skip link's: it moves the focus, not the page.
    const follow = () => setPage((shown) => read() ?? shown);
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return page;
}
