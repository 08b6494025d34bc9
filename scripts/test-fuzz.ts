/**
 * Fuzzes a server of its own through its OpenAPI document with schemathesis, which is installed
 * from PyPI into node_modules/.cache. More arguments are passed to schemathesis: `--
 * --include-operation-id fork_session`.
 * Contract: exits with 1 when a response is a server error, has an undocumented status, content
 * type or body, or when schemathesis cannot be installed. Leaves only the cache.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { callerWith } from '../apps/server/test/access.ts'
import { beginProcess, type ServerProcess } from '../test/process.ts'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const version = '4.32.5'
const environment = path.join(root, 'node_modules/.cache', `schemathesis-${version}`)
const admin = { email: 'admin@example.com', password: 'correct horse battery' }

const checks = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
]

/** Operations that are left out, each with the reason. */
const excluded: Record<string, string> = {
  stream_sse: 'the response has no end',
  stream_changes: 'the response has no end',
  test_mcp_server: 'connects to an address from the request',
  test_webhook: 'connects to an address from the request',
  test_provider: 'connects to an address from the request',
  sync_models: 'connects to the provider',
  begin_oauth: 'redirects to another site',
  finish_oauth: 'redirects to another site',
  drain_worker: 'the server takes no more turns',
  export_agent: 'schemathesis fails while it parses the YAML',
}

/** Longest time for the phases that repeat, and for one response. */
const secondsMax = 180
const responseSeconds = 30

/** Rate limits are off: their 429 would hide other responses. */
const settings = {
  AUTH_MODE: 'full',
  AUTH_ADMIN_EMAIL: admin.email,
  AUTH_ADMIN_PASSWORD: admin.password,
  RATE_LIMIT_KEY: '0',
  RATE_LIMIT_USER: '0',
  RATE_LIMIT_ORG: '0',
  RATE_LIMIT_ADDRESS: '0',
}

install()
const folder = await mkdtemp(path.join(tmpdir(), 'outlast-fuzz-'))
const server = await beginProcess({ ...settings, DATA_DIR: path.join(folder, 'data') }).ready
try {
  const key = await createAdminKey(server)
  const code = await fuzz(server.url, key)
  const problem = await findProblem(server, key)
  if (problem) console.error(problem)
  process.exitCode = problem ? 1 : code
} finally {
  await server.stop()
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}

/** Installs the pinned version into a virtual environment, once. */
function install() {
  if (existsSync(path.join(environment, 'bin/schemathesis'))) return
  run('python3', ['-m', 'venv', '--clear', environment])
  const pip = path.join(environment, 'bin/pip')
  run(pip, ['install', '--quiet', '--disable-pip-version-check', `schemathesis==${version}`])
}

function run(program: string, args: string[]) {
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  if (status === 0) return
  const reason = error ? `: ${error.message}` : ''
  throw new Error(`${path.basename(program)} ${args[0]} failed${reason}. Python 3.10 is needed.`)
}

async function createAdminKey({ call, url }: ServerProcess): Promise<string> {
  const login = await call('POST', '/v1/auth/login', admin)
  const signedIn = callerWith(url, `Bearer ${login.body.access_token}`)
  const made = await signedIn('POST', '/v1/auth/api-keys', { name: 'Fuzzing' })
  if (made.status !== 201) throw new Error(`No key: ${made.status} ${JSON.stringify(made.body)}`)
  return made.body.key
}

async function fuzz(url: string, key: string): Promise<number> {
  const args = [
    ...['run', `${url}/api-doc/openapi.json`, '--header', `Authorization: ${key}`],
    ...['--checks', checks.join(','), '--phases', 'examples,coverage,fuzzing,stateful'],
    ...['--max-examples', '20', '--max-time', String(secondsMax)],
    ...['--generation-deterministic'],
    ...['--request-timeout', String(responseSeconds), '--continue-on-failure', '--no-color'],
    ...['--suppress-health-check', 'all', '--warnings', 'off'],
    ...Object.keys(excluded).flatMap((id) => ['--exclude-operation-id', id]),
    ...process.argv.slice(2),
  ]
  const program = path.join(environment, 'bin/schemathesis')
  // It reads its configuration from, and writes files to, the working directory.
  const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = await once(child, 'exit')
  return code ?? 1
}

/** Failures that responses do not show: a server that exited, or a key that fuzzing deleted. */
async function findProblem({ url, child, output }: ServerProcess, key: string) {
  if (child.exitCode !== null) return `The server ended with ${child.exitCode}: ${output()}`
  const me = await callerWith(url, key)('GET', '/v1/auth/me')
  return me.status === 200 ? undefined : `The key does not work any more: ${me.status}`
}
