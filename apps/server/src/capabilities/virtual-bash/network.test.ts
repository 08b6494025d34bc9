import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { shellSession } from '../../../test/shell.ts'
import { isAllowed } from './network.ts'

test('allows a host by its name, or below a name', () => {
  const hosts = ['api.example.com', '*.Example.org']
  for (const host of ['api.example.com', 'API.example.com', 'a.example.org', 'a.b.example.org']) {
    assert.ok(isAllowed(host, hosts), host)
  }
  for (const host of [
    'example.com',
    'x.api.example.com',
    'api.example.com.evil.net',
    'example.org',
    'evilexample.org',
    '127.0.0.1',
    '',
  ]) {
    assert.ok(!isAllowed(host, hosts), host)
  }
})

/** Starts a web site on loopback. */
async function startSite(t: TestContext): Promise<string> {
  const site = http.createServer((request, response) => {
    const { url = '', method, headers } = request
    if (url === '/away')
      return response.writeHead(302, { location: 'http://localhost:8080/' }).end()
    if (url === '/nowhere') return response.writeHead(302, { location: 'http://' }).end()
    if (url === '/there') return response.writeHead(302, { location: '/hello' }).end()
    if (url === '/circle') return response.writeHead(302, { location: '/circle' }).end()
    if (url === '/bytes') return response.end(Buffer.from([0, 255, 128, 10, 13]))
    if (url === '/huge') {
      const more = () => {
        while (response.write(Buffer.alloc(65_536))) {}
      }
      response.on('drain', more)
      return more()
    }
    if (url === '/echo') {
      response.write(`${method} ${headers['x-test']} `)
      return request.pipe(response)
    }
    return response.end('hello from the site')
  })
  site.listen(0, '127.0.0.1')
  await once(site, 'listening')
  t.after(() => {
    site.closeAllConnections()
    site.close()
  })
  return `http://127.0.0.1:${(site.address() as AddressInfo).port}`
}

test('curl reaches only the hosts of the config', async (t) => {
  const site = await startSite(t)
  const options = { env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1' } }
  const config = { allowed_hosts: ['127.0.0.1', 'localhost.example.com', 'localhost'] }
  const { run, get } = await shellSession(t, { config, options })
  assert.equal((await run(`curl -s ${site}/hello | tr a-z A-Z`)).stdout, 'HELLO FROM THE SITE')
  assert.equal((await run(`curl -sL ${site}/there`)).stdout, 'hello from the site')
  const posted = await run(`curl -s -X POST -H 'x-test: yes' -d 'a=ü' ${site}/echo`)
  assert.equal(posted.stdout, 'POST yes a=ü')
  await run(`curl -s -o /bytes.bin ${site}/bytes`)
  assert.deepEqual(await get('/bytes.bin'), Buffer.from([0, 255, 128, 10, 13]))

  for (const [command, said] of [
    [`curl -L ${site}/circle`, /Too many redirects/],
    [`curl ${site}/huge`, /longer than 10485760 bytes/],
    ['curl http://example.org/', /denied: example\.org/],
    ['curl http://127.0.0.1.example.org/', /denied/],
    ['curl file:///etc/passwd', /denied|refused/i],
    // Listed in config, but only the operator can open private addresses.
    [`curl -L ${site}/nowhere`, /Redirect target not in allow-list/],
    [`curl -L ${site}/away`, /localhost is not a public address/],
    ['curl http://169.254.169.254/latest/meta-data', /denied/],
  ] as const) {
    const { stderr, exit_code } = await run(command)
    assert.notEqual(exit_code, 0, command)
    assert.match(stderr, said, command)
  }
})
