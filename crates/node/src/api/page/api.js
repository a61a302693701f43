// Asks the node. A token is kept for this tab alone and sent in a header: no cookie, nothing that another page could use.

const KEY = "tombolo-token";

export const token = {
  get: () => sessionStorage.getItem(KEY),
  set: (text) => (text ? sessionStorage.setItem(KEY, text) : sessionStorage.removeItem(KEY)),
};

async function send(method, path, body) {
  const headers = {};
  if (token.get()) headers.authorization = `Bearer ${token.get()}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(problem.error ?? `${answer.status} for ${path}`), { status: answer.status });
}

export const get = async (path) => (await send("GET", path)).json();
export const text = async (path) => (await send("GET", path)).text();
export const change = async (method, path, body = {}) => (await send(method, path, body)).json();

// Paths for all tenants, or for the one that the token is for.
export const scoped = (who, rest) => (who.tenant ? `/v1/tenants/${who.tenant}/${rest}` : `/v1/${rest}`);
