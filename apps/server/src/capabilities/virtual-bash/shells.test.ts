import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const [shells, messages] = ['./shells.ts', './messages.ts'].map((file) =>
  JSON.stringify(new URL(file, import.meta.url).href),
)

/** Defines `run`, which runs a command. */
const running = `
  import { closeSync, openSync, readFileSync } from 'node:fs'
  import { setTimeout } from 'node:timers/promises'
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
  const childrenOf = (id) => readFileSync('/proc/' + id + '/task/' + id + '/children', 'utf8')
    .split(' ').filter(Boolean)
`

/** Runs a command while no file can be opened, and another one afterwards. */
const withoutFiles = `${running}
  const open = []
  try {
    for (;;) open.push(openSync('/dev/null'))
  } catch {}
  const during = await run()
  for (const one of open) closeSync(one)
  console.log(JSON.stringify([during, await run()]))
  process.exit()
`

/**
 * Runs a command whose shell ends before it is ready, and another one when the launcher has read
 * the end of every such shell, also of one that it started in advance.
 */
const withoutShells = `${running}
  const shellsOf = () => childrenOf(process.pid).flatMap(childrenOf)
  const killed = new Set()
  const killing = setInterval(() => {
    for (const shell of shellsOf()) {
      killed.add(shell)
      try {
        process.kill(Number(shell), 'SIGKILL')
      } catch {
        // It has been gone since its number was read.
      }
    }
  }, 1)
  let during
  // While this process pauses, a shell can become ready.
  do during = await run()
  while (!during.includes('cannot be started'))
  clearInterval(killing)
  while (shellsOf().some((shell) => killed.has(shell))) await setTimeout(1)
  console.log(JSON.stringify([during, await run()]))
  process.exit()
`

/** Ends the process that starts shells during a command, and runs another one afterwards. */
const withoutLauncher = `${running}
  job.command = 'sleep 50'
  const during = run()
  const [launcher] = childrenOf(process.pid)
  process.kill(Number(launcher), 'SIGKILL')
  job.command = 'echo fine'
  console.log(JSON.stringify([await during, await run()]))
  process.exit()
`

function outputsOf(program: string): string[] {
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', '--input-type=module']
  const args = ['-c', 'ulimit -n 200; exec "$@"', 'sh', ...node, '-e', program]
  const { stdout, stderr } = spawnSync('sh', args, { encoding: 'utf8', timeout: 120_000 })
  return JSON.parse(stdout || JSON.stringify([stderr]))
}

test('a shell that does not start, or ends, fails its commands, and later ones run', {
  skip: process.platform !== 'linux' && 'needs ulimit and /proc',
}, () => {
  for (const [program, error] of [
    [withoutFiles, /^Bash execution error: the shell cannot be started/],
    [withoutShells, /^Bash execution error: the shell cannot be started/],
    [withoutLauncher, /^Bash execution error: the shell ended unexpectedly/],
  ] as const) {
    const [during, after] = outputsOf(program)
    assert.match(during!, error)
    assert.equal(after, 'fine\n')
  }
})
