/** An answer that is no success, as a sentence. `status` is 0 when there was no answer. */
export class Problem extends Error {
  constructor(sentence, { status, code }) {
    super(sentence)
    this.status = status
    this.code = code
  }
}

/** The last POST of which nobody knows whether it arrived. Sent again, it has the same key, so it counts once. */
let unsure = { request: '', key: '' }

/** Calls the API once, as whoever is signed in. Contract: resolves to the answer's body, or throws a `Problem`. */
export async function send(method, path, body) {
  const request = `${method} ${path} ${JSON.stringify(body)}`
  if (method === 'POST' && unsure.request !== request) unsure = { request, key: randomKey() }
  const response = await fetch(path, {
    method,
    headers: {
      ...(body && { 'content-type': 'application/json' }),
      ...(method === 'POST' && { 'idempotency-key': unsure.key }),
    },
    ...(body && { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new Problem('The server cannot be reached. Is it running?', { status: 0 })
  })
  if (method === 'POST' && response.status !== 503) unsure = { request: '', key: '' }
  const answer = await response.json().catch(() => ({}))
  if (response.ok) return answer
  const { status } = response
  throw new Problem(answer.error ?? `The server answered ${status}.`, { status, code: answer.code })
}

/** Contract: works without HTTPS too, where `crypto.randomUUID` does not exist. */
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('-')
}
