// The service worker: the page works offline after it was loaded once.

declare const FILES: string[];
declare const VERSION: string;

const worker = self as unknown as ServiceWorkerGlobalScope;
const PREFIX = `registry-auth-playground ${new URL(worker.registration.scope).pathname} `;
const NAME = PREFIX + VERSION;

worker.addEventListener("install", (event) => {
  const add = async (): Promise<void> => {
    const cache = await caches.open(NAME);
    // Past the browser's own cache, which may hold files of another version.
    await cache.addAll(["./", ...FILES].map((file) => new Request(file, { cache: "reload" })));
    await worker.skipWaiting();
  };
  event.waitUntil(add());
});

worker.addEventListener("activate", (event) => {
  const clean = async (): Promise<void> => {
    const names = await caches.keys();
    const old = names.filter((name) => name.startsWith(PREFIX) && name !== NAME);
    await Promise.all(old.map((name) => caches.delete(name)));
    await worker.clients.claim();
  };
  event.waitUntil(clean());
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(worker.registration.scope)) {
    return;
  }
  const answer = async (): Promise<Response> => {
    const cache = await caches.open(NAME);
    return (await cache.match(request, { ignoreSearch: true })) ?? fetch(request);
  };
  event.respondWith(answer());
});
