import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runCommand, startCommand, temporaryFolder } from '../../../test/process.ts'
import { createTestDatabase } from '../test/database.ts'
import { writeProject } from '../test/processes/project-files.ts'
import { eventually } from '../test/waiting.ts'
import { lockDataDir } from './store/embedded/data-dir.ts'

const program = fileURLToPath(new URL('../outlast.js', import.meta.url))

const command = (...args: string[]) => ({
  program: process.execPath,
  args: [program, ...args],
  // Without warnings: on a loaded machine a node can report that it could not renew its lease.
  env: { PATH: process.env.PATH!, DATA_DIR: '/nonexistent', LOG_LEVEL: 'error' },
})

test('serve takes settings as flags, and its first lines show address, data, access and the next command', async (t) => {
  const database = await createTestDatabase(t)
  const serve = command('serve', '--port', '0', '--database-url', database, '--host=127.0.0.1')
  const env = { ...serve.env, OPENAI_API_KEY: 'sk-x', WORKER_SLOT: '2' }
  const server = await startCommand({ ...serve, env })
  if (process.platform === 'linux') {
    const started = readFileSync(`/proc/${server.child.pid}/cmdline`, 'utf8')
    assert.match(started, /--max-semi-space-size=16\0.*start\.js/)
  }
  const port = new URL(server.url).port
  const taken = await runCommand(command('serve', '--port', port, '--database-url', database))
  assert.equal(await server.stop(), 0)
  assert.deepEqual(taken, {
    code: 1,
    output: `outlast: PORT ${port} on 127.0.0.1 is in use by another program. Set PORT to a free port.\n`,
  })
  const lines = server.output().split('\n')
  assert.match(lines[0]!, /^Outlast \d+\.\d+\.\d+ is ready after .* s: http:\/\/127\.0\.0\.1:\d+$/)
  assert.deepEqual(lines.slice(1, 7), [
    '  data    DATABASE_URL',
    '  access  AUTH_MODE=none: every program on this machine has full access',
    '  unused  OPENAI_API_KEY has no effect; set DEFAULT_OPENAI_API_KEY to use the key',
    '  unused  WORKER_SLOT has no effect; the setting is WORKER_SLOTS',
    `  docs    ${server.url}/docs`,
    `  next    outlast chat --url ${server.url}`,
  ])
})

test('the environment and the flags of serve win over the settings of a project', async (t) => {
  const database = await createTestDatabase(t)
  const cwd = writeProject(t, {
    'outlast.config.ts': `
      import { defineConfig } from 'outlast'
      export default defineConfig({ settings: { HOST: '203.0.113.1', LOG_FORMAT: 'loud' } })`,
  })
  const serve = (env: Record<string, string>, ...flags: string[]) => {
    const plain = command('serve', '--database-url', database, ...flags)
    return { ...plain, env: { ...plain.env, ...env }, cwd }
  }
  for (const [command, refusal] of [
    [serve({}, '--host', '127.0.0.1'), /^outlast: LOG_FORMAT must be/],
    [serve({ LOG_FORMAT: 'json' }), /^outlast: HOST 203\.0\.113\.1 can be reached/],
  ] as const) {
    const { code, output } = await runCommand(command)
    assert.equal(code, 1)
    assert.match(output, refusal)
  }
  const server = await startCommand(serve({ LOG_FORMAT: 'json' }, '--host', '127.0.0.1'))
  assert.equal(await server.stop(), 0)
})

const hasScript = existsSync('/usr/bin/script')

test('a start on a terminal prints no JSON', { skip: !hasScript }, async (t) => {
  const database = await createTestDatabase(t)
  const serve = `${process.execPath} ${program} serve --port 0 --database-url ${database}`
  const server = await startCommand({
    program: '/usr/bin/script',
    args: ['-qec', serve, '/dev/null'],
    env: { PATH: process.env.PATH!, PRIVATE_HOSTS_ALLOWED: '127.0.0.1' },
  })
  // A terminal passes its output on in parts.
  await eventually(async () => /^ {2}next .*\r\n/m.test(server.output()))
  await server.stop()
  const lines = server.output().split('\r\n')
  assert.match(lines[0]!, /^\d\d:\d\d:\d\d WARN {2}PRIVATE_HOSTS_ALLOWED has entries .* entries=\[/)
  // On a loaded machine there can be more warnings.
  const ready = lines.findIndex((line) => !/^\d\d:\d\d:\d\d WARN {2}/.test(line))
  assert.match(lines[ready]!, /^Outlast \d+\.\d+\.\d+ is ready after/)
  assert.match(lines[ready + 4]!, /^ {2}next /)
})

test('serve prints its help, and refuses invalid flags before it starts anything', async () => {
  for (const args of [
    ['serve', '--help'],
    ['help', 'serve'],
  ]) {
    const { code, output } = await runCommand(command(...args))
    assert.equal(code, 0)
    assert.match(output, /--data-dir FOLDER .*DATA_DIR/)
  }
  for (const [args, sentence, exit] of [
    [['serve', '--prot', '1'], /^outlast: Unknown option '--prot'\. Run `outlast serve --help`/, 2],
    [['serve', 'now'], /^outlast: Unexpected argument 'now'/, 2],
    [['serve', '--port'], /^outlast: .*argument missing/, 2],
    [['serve', '--port', '99999'], /^outlast: PORT must be/, 1],
    [['rotate-keys', '--port', '1'], /^outlast: Unknown option '--port'/, 2],
  ] as const) {
    const { code, output } = await runCommand(command(...args))
    assert.equal(code, exit, output)
    assert.match(output, sentence)
    assert.doesNotMatch(output, /\n {4}at /)
  }
})

test('serve refuses in one sentence a data folder that cannot be created or is in use', async (t) => {
  const { folder } = await temporaryFolder(t)
  const release = lockDataDir(folder)
  t.after(release)
  for (const [dataDir, sentence] of [
    ['/proc/1/x', /^outlast: DATA_DIR \/proc\/1\/x cannot be [^\n]+\n$/],
    [program, /^outlast: DATA_DIR .+ is not a directory: set another DATA_DIR\.\n$/],
    [folder, /^outlast: Another Outlast server \(pid \d+\) is using DATA_DIR [^\n]+\n$/],
  ] as const) {
    const { code, output } = await runCommand(
      command('serve', '--port', '0', '--data-dir', dataDir),
    )
    assert.equal(code, 1)
    assert.match(output, sentence)
  }
})
