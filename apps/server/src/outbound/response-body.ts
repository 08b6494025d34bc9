type FixedParts = Pick<Response, 'status' | 'statusText' | 'url' | 'redirected'>

/**
 * Sets the properties of a response that its constructor cannot set: it takes a status from 200 to
 * 599 only, and servers send others, such as 999.
 */
export function placed(response: Response, place: FixedParts): Response {
  const { status, statusText, url, redirected } = place
  return Object.defineProperties(response, {
    status: { value: status },
    ok: { value: status >= 200 && status < 300 },
    statusText: { value: statusText },
    url: { value: url },
    redirected: { value: redirected },
    clone: {
      configurable: true,
      value: () => placed(Response.prototype.clone.call(response), place),
    },
  })
}

/** Replaces a response's body in place. Contract: status, headers and URL stay unchanged. */
export function withBody(response: Response, body: ReadableStream<Uint8Array>): Response {
  const { headers } = response
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
      configurable: true,
      value() {
        const copy = placed(new Response(null, { headers }), response)
        return withBody(copy, other.clone().body!)
      },
    },
  })
}
