// A plain web server for a folder, below a path, as a host of static pages.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";

const TYPES = { html: "text/html", js: "text/javascript", css: "text/css", svg: "image/svg+xml", wasm: "application/wasm" };

export async function serve(folder, prefix) {
  const asked = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://x");
    asked.push(pathname);
    const name = pathname === prefix ? "index.html" : pathname.slice(prefix.length);
    try {
      if (!pathname.startsWith(prefix) || name.includes("/")) {
        throw new Error("not here");
      }
      const body = await readFile(path.join(folder, name));
      response.writeHead(200, { "content-type": TYPES[name.split(".").at(-1)] ?? "text/plain" });
      response.end(body);
    } catch {
      response.writeHead(404);
      response.end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const base = `http://127.0.0.1:${server.address().port}${prefix}`;
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { base, asked, stop };
}
