/** Shared by tests of master keys: a provider that records keys, the command, and table reads. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { expectStatus } from '../../apps/server/test/access.ts'
import { queryRows } from '../../apps/server/test/database.ts'
import { type Call, startServer } from '../../apps/server/test/server.ts'
import { createAgent, createSession } from '../../apps/server/test/session.ts'

const command = fileURLToPath(new URL('../../scripts/rotate-keys.ts', import.meta.url))

const masterKey = (id: string, byte: number) => `${id}:${Buffer.alloc(32, byte).toString('base64')}`
export const [v1, v2] = [masterKey('kek-v1', 1), masterKey('kek-v2', 2)]
export const onlyV1 = { SECRETS_ENCRYPTION_KEY: v1 }
export const onlyV2 = { SECRETS_ENCRYPTION_KEY: v2 }
export const both = { SECRETS_ENCRYPTION_KEY: v2, SECRETS_ENCRYPTION_KEY_PREVIOUS: v1 }

/** A provider on loopback with a one-word answer; `keys` are those of its calls. */
export async function startVendor(t: TestContext) {
  const keys: (string | undefined)[] = []
  const server = createServer((request, response) => {
    request.resume()
    // A server requests the list of models every hour; this provider has none.
    if (request.method !== 'POST') return void response.writeHead(404).end()
    keys.push(request.headers.authorization)
    const chunk = (delta: object, finish_reason: string | null) =>
      `data: ${JSON.stringify({ id: 'x', object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }] })}\n\n`
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(`${chunk({ content: 'Yes.' }, null)}${chunk({}, 'stop')}data: [DONE]\n\n`)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, keys }
}

/** A provider with a key, and a session whose turns use it. */
export async function addProvider(
  server: { call: Call; url: string },
  { baseUrl, apiKey }: { baseUrl: string; apiKey: string },
) {
  const created = await server.call('POST', '/v1/llm-providers', {
    name: 'A vendor',
    provider_type: 'openai_completions',
    base_url: baseUrl,
    api_key: apiKey,
  })
  const { id } = expectStatus(created, 201)
  const models = `/v1/llm-providers/${id}/models`
  const added = await server.call('POST', models, { model_id: 'm', display_name: 'M' })
  const default_model_id = expectStatus(added, 201).id
  const agent = await createAgent(server, { default_model_id })
  const session = await createSession(server, { agent_id: agent.id })
  return { id: id as string, sessionId: session.id }
}

export type Command = {
  /** Its output and exit code. */
  ended: Promise<{ code: number | null; output: string }>
  /** Sends SIGKILL. */
  crash: () => void
}

/** `npm run rotate-keys` without npm. */
export function runCommand(env: Record<string, string>, ...args: string[]): Command {
  const options = ['--disable-warning=ExperimentalWarning', command, ...args]
  const child = spawn(process.execPath, options, {
    env: { PATH: process.env.PATH, LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, output }))
  return { ended, crash: () => void child.kill('SIGKILL') }
}

export const rotateKeys = (env: Record<string, string>, ...args: string[]) =>
  runCommand(env, ...args).ended

export const query = queryRows

/** Removes the first master key without a rotation: a node had both, the next has the second. */
export async function forgetV1(t: TestContext, databaseUrl: string): Promise<void> {
  const between = await startServer(t, { databaseUrl, env: both })
  await between.stop()
}

/** How many stored keys each master key seals. */
export async function sealedUnder(url: string): Promise<Record<string, number>> {
  const rows = await query<{ id: string; n: number }>(
    url,
    `select api_key::json ->> 'key_id' as id, count(*)::int as n from providers
      where api_key is not null group by 1 order by 1`,
  )
  return Object.fromEntries(rows.map(({ id, n }) => [id, n]))
}
