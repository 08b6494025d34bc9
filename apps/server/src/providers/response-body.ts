/** Replaces a response's body in place. Contract: status, headers and URL stay unchanged. */
export function withBody(response: Response, body: ReadableStream<Uint8Array>): Response {
  const { status, statusText, headers, url, redirected } = response
  const other = new Response(body, { headers })
  return Object.defineProperties(response, {
    body: { get: () => other.body },
    bodyUsed: { get: () => other.bodyUsed },
    arrayBuffer: { value: () => other.arrayBuffer() },
    blob: { value: () => other.blob() },
    bytes: { value: () => other.bytes() },
    formData: { value: () => other.formData() },
    json: { value: () => other.json() },
    text: { value: () => other.text() },
    clone: {
      value() {
        const copy = new Response(null, { status, statusText, headers })
        Object.defineProperties(copy, { url: { value: url }, redirected: { value: redirected } })
        return withBody(copy, other.clone().body!)
      },
    },
  })
}
