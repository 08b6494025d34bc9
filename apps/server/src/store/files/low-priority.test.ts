import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const lowPriority = JSON.stringify(new URL('./low-priority.ts', import.meta.url).href)

/** Prints the niceness of a thread that has been lowered, twice, and of its process. */
const program = `
  const os = require('node:os')
  const { isMainThread, parentPort, Worker } = require('node:worker_threads')
  if (isMainThread) {
    const worker = new Worker(process.execArgv.at(-1), { eval: true, execArgv: [] })
    worker.on('message', (ofThread) => console.log(JSON.stringify([ofThread, os.getPriority()])))
  } else {
    import(${lowPriority}).then(({ lowerPriority }) => {
      lowerPriority()
      lowerPriority()
      parentPort.postMessage(os.getPriority())
    })
  }
`

test('a thread has a lower priority than its server, whatever the priority of that is', {
  skip: process.platform !== 'linux' && 'only Linux has priorities of threads',
}, () => {
  for (const [added, expected] of [
    ['3', [8, 3]],
    ['19', [19, 19]],
  ] as const) {
    const node = [process.execPath, '--disable-warning=ExperimentalWarning']
    const command = ['-n', added, ...node, '-e', program]
    const { stdout, stderr } = spawnSync('nice', command, { encoding: 'utf8' })
    assert.deepEqual(JSON.parse(stdout || JSON.stringify(stderr)), expected)
  }
})
