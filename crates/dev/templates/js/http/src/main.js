addEventListener("fetch", (event) => event.respondWith(greet(event.request)));

async function greet(request) {
  const { pathname } = new URL(request.url);
  const name = pathname.slice(1) || "world";
  return new Response(`Hello, ${name}!\n`, {
    headers: { "content-type": "text/plain; charset=utf-8" },
  });
}
