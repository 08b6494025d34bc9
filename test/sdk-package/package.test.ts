/** The SDK as users get it: packed, installed into a clean folder, run by each of its runtimes. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { registerPerson, startGuarded } from '../../apps/server/test/access.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { buildSdk } from '../../scripts/build-sdk.ts'
import { openProfile, openTab, startBrowser } from '../browser/browser.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'outlast sdk '))
const place = path.join(folder, 'clean')
const installed = path.join(place, 'node_modules/@outlast/sdk')
after(() => rmSync(folder, { recursive: true }))

function run(program: string, args: string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8' })
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${error?.message ?? stderr + stdout}`)
  return stdout
}

let server: Awaited<ReturnType<typeof startGuarded>>
let person: Awaited<ReturnType<typeof registerPerson>>
let site: { origin: string; close: () => void }

beforeAll(async (t) => {
  const built = path.join(folder, 'sdk')
  await buildSdk(built)
  run('npm', ['pack', '--silent', '--pack-destination', folder], built)
  mkdirSync(place)
  writeFileSync(path.join(place, 'package.json'), '{"private":true,"type":"module"}')
  const tarball = path.join(folder, 'outlast-sdk-0.1.0.tgz')
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--offline']
  run('npm', ['install', ...flags, tarball], place)
  cpSync(path.join(import.meta.dirname, 'program.js'), path.join(place, 'program.js'))
  const main = `import { drive } from './program.js'\nconst about = JSON.parse(process.argv[2])\n`
  const say = 'console.log(JSON.stringify(await drive(about)))\n'
  writeFileSync(path.join(place, 'main.js'), main + say)
  site = await startSite()
  server = await startGuarded(t as TestContext, {
    env: { CORS_ALLOWED_ORIGINS: site.origin, RATE_LIMIT_ADDRESS: '0' },
  })
  person = await registerPerson(server)
})
after(() => site.close())

/** A site of another origin, whose pages use the package. */
async function startSite() {
  const map = JSON.stringify({ imports: { '@outlast/sdk': '/sdk/index.js' } })
  const page = `<!doctype html><link rel="icon" href="data:,"><script type="importmap">${map}</script>
    <script type="module">import { drive } from '/program.js'; globalThis.drive = drive</script>`
  const files = (url: string) => {
    if (url === '/') return ['text/html', page]
    const file = url.startsWith('/sdk/')
      ? path.join(installed, url.slice(5))
      : path.join(place, url)
    return ['text/javascript', readFileSync(file, 'utf8')]
  }
  const http = createServer((request, response) => {
    const [type, text] = files(request.url!)
    response.writeHead(200, { 'content-type': type! }).end(text)
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  return { origin, close: () => http.close() }
}

/** A session for one program, and a token for that session only. */
async function ticket() {
  const tools = [
    {
      type: 'client_side',
      name: 'get_weather',
      description: 'The weather of a place.',
      parameters: { type: 'object', properties: { location: { type: 'string' } } },
    },
  ]
  const make = async (at: string, body: object) => {
    const answer = await person.call('POST', at, body)
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    return answer.body
  }
  const agent = await make('/v1/agents', { name: 'Forecaster', system_prompt: 'x', tools })
  const session = await make('/v1/sessions', { agent_id: agent.id })
  const grants = { access: 'write', tool_results: tools.map(({ name }) => name) }
  const { token } = await make(`/v1/sessions/${session.id}/tokens`, grants)
  return { url: server.url, apiKey: token as string, sessionId: session.id as string }
}

function expectDriven(seen: Record<string, unknown>) {
  const { text, count, ...rest } = seen
  assert.deepEqual(rest, {
    first: 'input.message',
    last: 'session.idled',
    hasTool: true,
    isSame: true,
    missing: 'not_found',
    refused: 'invalid_api_key_format',
    down: 'connection_failed',
    late: 'timeout',
    isStopped: true,
  })
  assert.match(text as string, /In Kyiv it is 21 °C/)
  assert.ok((count as number) >= 3, String(count))
}

async function driveWith(program: string, args: string[]) {
  const child = spawn(program, [...args, 'main.js', JSON.stringify(await ticket())], {
    cwd: place,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [said, wrong] = ['', '']
  child.stdout.on('data', (chunk) => (said += chunk))
  child.stderr.on('data', (chunk) => (wrong += chunk))
  const [code] = await once(child, 'close')
  assert.equal(code, 0, wrong)
  expectDriven(JSON.parse(said))
}

const versionOf = (program: string) =>
  spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout.trim().split('\n')[0]

test('the package holds the client, its types and its license, and has no dependencies', () => {
  const tarball = path.join(folder, 'outlast-sdk-0.1.0.tgz')
  const files = run('tar', ['-tzf', tarball], folder).trim().split('\n')
  const expected =
    /^package\/(([a-z]+\/)?[\w-]+(\.d\.ts|(\.global)?\.js)|package\.json|README\.md|LICENSE)$/
  const odd = files.filter((file) => !expected.test(file))
  assert.deepEqual(odd, [])
  assert.ok(files.includes('package/index.js') && files.includes('package/index.d.ts'))
  const { dependencies, scripts } = JSON.parse(
    readFileSync(path.join(installed, 'package.json'), 'utf8'),
  )
  assert.deepEqual([dependencies, scripts], [undefined, undefined])
})

for (const [name, program, args] of [
  ['the oldest Node', process.env.OUTLAST_TEST_NODE!, []],
  ['our Node', process.execPath, []],
  ['Bun', process.env.OUTLAST_TEST_BUN!, ['run']],
  [
    'Deno',
    process.env.OUTLAST_TEST_DENO!,
    ['run', '--quiet', '--node-modules-dir=manual', '--allow-net', '--allow-env', '--allow-read'],
  ],
] as const) {
  test(`it works on ${name} (${versionOf(program)})`, () => driveWith(program, [...args]))
}

test('it works in a page of an allowed origin and reports the cause in a page of another one', async (t) => {
  const profile = await openProfile(t, await startBrowser(t))
  const { page } = await openTab(profile, site.origin)
  await page.waitForFunction('globalThis.drive !== undefined')
  const about = await ticket()
  expectDriven(await page.evaluate(`drive(${JSON.stringify(about)})`))

  const elsewhere = site.origin.replace('127.0.0.1', 'localhost')
  const { page: other } = await openTab(profile, elsewhere)
  const said = await other.evaluate(`import('@outlast/sdk').then(({ createOutlast }) =>
    createOutlast({ url: ${JSON.stringify(server.url)}, retriesMax: 0 }).agents.list()
      .catch(({ code, message }) => code + ': ' + message))`)
  assert.match(String(said), /^connection_failed: .*CORS_ALLOWED_ORIGINS/)
})
