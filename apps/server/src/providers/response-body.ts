/** Replaces a response's body in place. Contract: status, headers and URL stay unchanged. */
export function withBody(response: Response, body: ReadableStream<Uint8Array>): Response {
  const other = new Response(body)
  return Object.defineProperties(response, {
    body: { value: other.body },
    arrayBuffer: { value: () => other.arrayBuffer() },
    blob: { value: () => other.blob() },
    bytes: { value: () => other.bytes() },
    json: { value: () => other.json() },
    text: { value: () => other.text() },
  })
}
