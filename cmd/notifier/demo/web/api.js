// The clinic's own API, as cmd/notifier/demo serves it.

/** An answer that tells the person what was wrong, in a sentence. */
export class Refused extends Error {}

async function call(path, method = "GET", body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
  } catch {
    throw new Refused("A clínica não respondeu. Verifique a conexão e tente de novo.");
  }
  if (answer.status === 204) return null;
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(content.error ?? "A clínica respondeu com um erro.");
  return content;
}

export const getClinic = () => call("/api/clinic");
export const getTime = () => call("/api/time");
export const getToken = async (account) => (await call(`/api/token?account=${account}`)).token;
export const getWaiting = (account) => call(`/api/waiting?account=${account}`);
export const setSimulator = (on) => call("/api/simulator", "PUT", { on });
export const setStatus = (account, id, status) =>
  call(`/api/appointments/${id}/status`, "POST", { account, status });
