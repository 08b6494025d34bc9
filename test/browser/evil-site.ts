/** A malicious website that tries to act as a signed-in user. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

type Hook = { after: (work: () => unknown) => void }

const html = '<!doctype html><title>Kittens</title><body><script src="/attack.js"></script>'

/** Attacks of the site's pages. Each resolves to the outcome that the page can observe. */
const attacks = `
const outcome = (request) => request.then(
  async (response) => response.type + ' ' + response.status + ' ' + (await response.text()),
  (error) => 'failed',
)
window.attack = {
  fetch: (url, options) => outcome(fetch(url, { credentials: 'include', ...options })),
  image: (url) => new Promise((resolve) => {
    const image = new Image()
    image.onload = () => resolve('loaded')
    image.onerror = () => resolve('failed')
    image.src = url
  }),
  script: (url) => new Promise((resolve) => {
    const script = document.createElement('script')
    script.onload = () => resolve('loaded')
    script.onerror = () => resolve('failed')
    script.src = url
    document.body.append(script)
  }),
  stream: (url, count) => new Promise((resolve) => {
    const source = new EventSource(url, { withCredentials: true })
    const seen = []
    const finish = (end) => { source.close(); resolve({ seen, end }) }
    for (const type of ['session.started', 'input.message', 'session.idled']) {
      source.addEventListener(type, () => {
        seen.push(type)
        if (seen.length === count) finish('enough')
      })
    }
    source.onerror = () => finish('failed')
  }),
  frame: (url) => new Promise((resolve) => {
    const frame = document.createElement('iframe')
    frame.onload = () => resolve('done')
    frame.src = url
    document.body.append(frame)
  }),
  form: (action, { enctype, method, body }) => {
    const form = Object.assign(document.createElement('form'), { action, enctype, method })
    const at = body.indexOf('=')
    const [name, value] = [body.slice(0, at), body.slice(at + 1)]
    form.append(Object.assign(document.createElement('input'), { name, value }))
    document.body.append(form)
    form.submit()
  },
}`

/** Contract: `url` is same-site (cross-origin) with a server on 127.0.0.1, `otherSite` is not. */
export async function startEvilSite(t: Hook) {
  const server = createServer(({ url }, response) => {
    const isScript = url === '/attack.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? attacks : html)
  })
  server.listen(0)
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, otherSite: `http://localhost:${port}` }
}
