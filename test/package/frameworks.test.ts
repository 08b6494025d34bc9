/**
 * Servers inside the frameworks of users, as docs/embedding-the-server.md shows it. The client of
 * the package talks to each of them. Installs from the npm registry.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { before, type TestContext, test } from 'node:test'
import { environment, folder, npmFlags, packTarball, run } from './installs.ts'

const cwd = path.join(folder, 'frameworks')
const frameworks = ['express@5.3.0', 'hono@4.13.19', '@hono/node-server@2.1.9', 'fastify@5.12.8']
const next = ['next@16.4.6', 'react@19.3.1', 'react-dom@19.3.1', 'typescript@6.0.3']

const files: Record<string, string> = {
  'package.json': '{ "name": "frameworks", "private": true, "type": "module" }',
  'tools/add.ts': `
    import { defineTool, Type } from 'outlast'
    export default defineTool({
      description: 'Adds.', replay: 'safe',
      input: Type.Object({ one: Type.Number(), other: Type.Number() }),
      run: ({ one, other }) => one + other,
    })`,
  'start.mjs': `
    import { createServer } from 'outlast/server'
    export const server = await createServer({ project: '.', port: false, settings: { SIMULATED_SCRIPTS: true } })
    export const ready = (port) => console.log('ready on ' + port)
    process.on('SIGTERM', () => server.stop().then(() => process.exit(0)))`,
  'express.mjs': `
    import express from 'express'
    import { ready, server } from './start.mjs'
    const app = express()
    app.use('/outlast', server.handler)
    app.use(express.json())
    const listener = app.listen(0, '127.0.0.1', () => ready(listener.address().port))`,
  'fastify.mjs': `
    import fastify from 'fastify'
    import { ready, server } from './start.mjs'
    const app = fastify()
    app.register(async (scope) => {
      scope.removeAllContentTypeParsers()
      scope.addContentTypeParser('*', (request, payload, done) => done(null))
      scope.all('/outlast/*', (request, reply) => {
        reply.hijack()
        request.raw.url = request.raw.url.slice('/outlast'.length)
        server.handler(request.raw, reply.raw)
      })
    })
    await app.listen({ host: '127.0.0.1', port: 0 })
    ready(app.server.address().port)`,
  'hono.mjs': `
    import { serve } from '@hono/node-server'
    import { Hono } from 'hono'
    import { ready, server } from './start.mjs'
    const app = new Hono()
    app.mount('/outlast', server.fetch)
    serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => ready(port))`,
  'next.config.mjs': `export default { serverExternalPackages: ['outlast'] }`,
  'lib/outlast.js': `
    import { createServer } from 'outlast/server'
    globalThis.outlast ??= createServer({ project: '.', port: false, settings: { SIMULATED_SCRIPTS: true } })
    export const server = () => globalThis.outlast`,
  'app/api/v1/[...path]/route.js': `
    import { server } from '../../../../lib/outlast.js'
    export const dynamic = 'force-dynamic'
    const answer = async (request) => (await server()).fetch(request)
    export { answer as GET, answer as POST, answer as PUT, answer as PATCH, answer as DELETE }`,
  'app/layout.js':
    'export default ({ children }) => <html lang="en"><body>{children}</body></html>',
  'app/page.js': 'export default () => <p>Home</p>',
  'client.mjs': `
    import { createOutlast } from 'outlast/sdk'
    const outlast = createOutlast({ url: process.argv[2] })
    const agent = await outlast.agents.create({ name: 'Ada', system_prompt: 'x', capabilities: [{ ref: 'tools' }] })
    const session = outlast.session(await outlast.sessions.create({ agent_id: agent.id }))
    const steps = [{ tool_calls: [{ name: 'add', arguments: { one: 2, other: 3 } }] }, { text: 'Done.' }]
    const { text } = await session.send('llmsim-script: ' + JSON.stringify(steps))
    const events = await outlast.events.list(session.id, { types: ['tool.completed'] })
    console.log(JSON.stringify({ text, result: events.data[0].data.result[0].text }))`,
}

before(() => {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(cwd, file)), { recursive: true })
    writeFileSync(path.join(cwd, file), text)
  }
  run(cwd, 'npm', ['install', ...npmFlags, packTarball(), ...frameworks, ...next])
})

/** Starts a program that prints its port. */
async function start(t: TestContext, args: string[], port: RegExp): Promise<string> {
  const env = { ...environment, DATA_DIR: path.join(cwd, `data-${args.at(-1)}`) }
  const child: ChildProcess = spawn(process.execPath, args, { cwd, env })
  t.after(async () => {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'exit')
  })
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text) => (output += text))
  return new Promise((resolve, reject) => {
    child.stdout!.on('data', () => {
      const found = port.exec(output)?.[1]
      if (found) resolve(`http://127.0.0.1:${found}`)
    })
    child.once('exit', () => reject(new Error(output)))
  })
}

function converse(url: string) {
  const printed = run(cwd, process.execPath, ['client.mjs', url])
  assert.deepEqual(JSON.parse(printed), { text: 'Done.', result: '5' })
}

for (const name of ['express', 'fastify', 'hono']) {
  test(`a server inside ${name} answers the client and runs a tool of the project`, async (t) => {
    converse(`${await start(t, [`${name}.mjs`], /ready on (\d+)\n/)}/outlast`)
  })
}

test('a server inside Next.js answers the client and runs a tool of the project', async (t) => {
  const program = 'node_modules/next/dist/bin/next'
  run(cwd, process.execPath, [program, 'build'], { NEXT_TELEMETRY_DISABLED: '1' })
  const args = [program, 'start', '--hostname', '127.0.0.1', '--port', '0']
  converse(`${await start(t, args, /http:\/\/127\.0\.0\.1:(\d+)\D/)}/api`)
})
