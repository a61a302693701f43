addEventListener("fetch", (event) => {
  const fetch = event as FetchEvent;
  fetch.respondWith(greet(fetch.request));
});

async function greet(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  const name = pathname.slice(1) || "world";
  return new Response(`Hello, ${name}!\n`, {
    headers: { "content-type": "text/plain; charset=utf-8" },
  });
}
