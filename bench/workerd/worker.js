// The same answers as the native server and the guests give.
const json = (() => {
  const reading = (id) => ({ id, ok: id % 5 !== 0, sensor: `s-${id % 7}`, value: ((id * 37) % 101) / 4 });
  return JSON.stringify({ readings: Array.from({ length: 40 }, (_, id) => reading(id)), site: "harbour" });
})();

function work(text) {
  const document = JSON.parse(text);
  const readings = document.readings.filter((reading) => reading.ok).sort((a, b) => a.value - b.value);
  document.mean = readings.reduce((sum, reading) => sum + reading.value, 0) / readings.length;
  document.readings = readings;
  return JSON.stringify(document);
}

export default {
  async fetch(request, env) {
    switch (new URL(request.url).pathname) {
      case "/json":
        return new Response(work(json), { headers: { "content-type": "application/json" } });
      case "/echo":
        return new Response(request.body);
      case "/fetch":
        return fetch(env.UPSTREAM);
      default:
        return new Response("Hello, world!\n");
    }
  },
};
