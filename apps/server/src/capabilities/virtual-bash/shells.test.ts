import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const [shells, messages] = ['./shells.ts', './messages.ts'].map((file) =>
  JSON.stringify(new URL(file, import.meta.url).href),
)

/** Runs a command while no file can be opened, and another one afterwards. */
const program = `
  import { closeSync, openSync } from 'node:fs'
  import { runCommand } from ${shells}
  import { packEntries } from ${messages}

  const job = {
    command: 'echo fine', workingDir: '/', timeoutMs: 60_000, env: {}, hasNetwork: false,
    entries: packEntries([]),
  }
  const signal = new AbortController().signal
  const run = () =>
    runCommand({ job, orgId: 'a', sessionId: 'b', signal, answer: async () => undefined })
      .then(({ stdout }) => stdout, ({ message }) => message)
  setInterval(() => {}, 1_000)
  const open = []
  try {
    for (;;) open.push(openSync('/dev/null'))
  } catch {}
  const during = await run()
  for (const one of open) closeSync(one)
  console.log(JSON.stringify([during, await run()]))
  process.exit()
`

test('a shell that cannot be started fails its commands, and later ones run', {
  skip: process.platform === 'win32' && 'needs ulimit',
}, () => {
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', '--input-type=module']
  const args = ['-c', 'ulimit -n 200; exec "$@"', 'sh', ...node, '-e', program]
  const { stdout, stderr } = spawnSync('sh', args, { encoding: 'utf8', timeout: 120_000 })
  const [during, after] = JSON.parse(stdout || JSON.stringify([stderr]))
  assert.match(during, /^Bash execution error: the shell cannot be started/)
  assert.equal(after, 'fine\n')
})
