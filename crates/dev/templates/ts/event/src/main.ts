// An event (CloudEvents) comes as a POST: its attributes are `ce-` headers, its payload is the body.
addEventListener("fetch", (event) => {
  const fetch = event as FetchEvent;
  fetch.respondWith(take(fetch.request));
});

async function take(request: Request): Promise<Response> {
  const subject = request.headers.get("ce-subject") ?? "unknown";
  const payload = await request.text();
  const celsius = Number(payload);
  if (payload.trim() === "" || Number.isNaN(celsius)) {
    // Not a 2xx status: the event was not handled.
    return new Response("the payload is not a number\n", { status: 422 });
  }
  console.log(`${subject}: ${celsius.toFixed(1)} °C`);
  return new Response(null, { status: 204 });
}
