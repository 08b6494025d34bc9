import { readFileSync } from 'node:fs'
import { emptyProject } from '../src/authoring/project.ts'
import { createHttp } from '../src/http/server.ts'
import type { Node } from '../src/runtime/node.ts'

/** A part of a node that any code may read and call while routes are registered. */
const anything: unknown = new Proxy(() => undefined, {
  get: (_target, key) => (typeof key === 'symbol' ? undefined : anything),
  apply: () => anything,
})

const config = new Proxy(
  { AUTH_MODE: 'none', ROLE: 'all', CORS_ALLOWED_ORIGINS: [], ALLOWED_HOSTS: [], TRUST_PROXY: [] },
  { get: (known, key) => (key in known ? known[key as keyof typeof known] : undefined) },
)

/**
 * The OpenAPI document of the routes as the server answers it, as JSON.
 * Contract: needs neither a database nor a network: routes are registered and not called.
 */
export async function readDocument(): Promise<string> {
  const access = { limits: anything }
  const known: Record<string, unknown> = {
    config,
    access,
    capabilities: [],
    project: emptyProject,
  }
  const node = new Proxy(known, {
    get: (_, key) => known[key as string] ?? anything,
  }) as never as Node
  const { version } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  ) as { version: string }
  const { app } = await createHttp(node, {
    version,
    stopping: () => false,
    codeProblems: undefined,
  })
  const { body } = await app.inject('/docs/json')
  await app.close()
  return body
}
