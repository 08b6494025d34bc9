import assert from 'node:assert/strict'
import { readFile, rename, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { newMasterKey } from '../../apps/server/src/secrets.ts'
import { converse, replyOf } from '../../apps/server/test/session.ts'
import { dataFolder, type ServerProcess, startFails, startProcess } from '../process.ts'
import { addProvider, rotateKeys, startVendor } from './rotating.ts'

/** A DATA_DIR whose server has a provider with a key; the server runs. */
async function begin(t: TestContext) {
  const { DATA_DIR, before } = await dataFolder(t)
  const vendor = await startVendor(t)
  const start = async () => {
    const server = await startProcess({ DATA_DIR })
    before(() => server.stop())
    return server
  }
  const file = path.join(DATA_DIR, 'secrets.key')
  const readKeys = async () => (await readFile(file, 'utf8')).trim().split('\n')
  const idsOf = async () => (await readKeys()).map((key) => key.split(':')[0])
  const server = await start()
  const { sessionId } = await addProvider(server, {
    baseUrl: vendor.url,
    apiKey: 'sk-of-the-vendor',
  })
  const works = async (one: ServerProcess) => {
    assert.equal(replyOf(await converse(t, one, sessionId, 'Still there?')), 'Yes.')
    assert.equal(vendor.keys.at(-1), 'Bearer sk-of-the-vendor')
  }
  const run = (...args: string[]) => rotateKeys({ DATA_DIR }, ...args)
  return { server, start, works, run, file, readKeys, idsOf }
}

test('one command creates a new master key in DATA_DIR, another one removes the previous', async (t) => {
  const { server, start, works, run, file, readKeys, idsOf } = await begin(t)
  const modeOf = async () => (await stat(file)).mode & 0o777
  assert.deepEqual([await idsOf(), await modeOf()], [['kek-v1'], 0o600])
  await works(server)
  const busy = await run()
  assert.equal(busy.code, 1)
  assert.match(busy.output, /^rotate-keys: Another Outlast server \(pid \d+\) is using DATA_DIR/)
  assert.deepEqual(await idsOf(), ['kek-v1'])
  await server.stop()

  const rotated = await run()
  assert.equal(rotated.code, 0, rotated.output)
  assert.match(rotated.output, /Under kek-v2: 1\. Wrapped again: 1\. Unreadable: 0\./)
  assert.deepEqual([await idsOf(), await modeOf()], [['kek-v2', 'kek-v1'], 0o600])
  for (const key of await readKeys()) assert.ok(!rotated.output.includes(key.split(':')[1]!))
  const second = await start()
  await works(second)
  await second.stop()

  const dropped = await run('--drop-previous')
  assert.equal(dropped.code, 0, dropped.output)
  assert.match(dropped.output, /Removed kek-v1; kek-v2 is the only master key/)
  assert.deepEqual([await idsOf(), await modeOf()], [['kek-v2'], 0o600])
  const third = await start()
  await works(third)
  await third.stop()
  assert.match((await run('--drop-previous')).output, /kek-v2 is the only master key/)
})

test('a killed rotation in DATA_DIR continues under the key that it had created', async (t) => {
  const { server, start, works, run, file, readKeys, idsOf } = await begin(t)
  await server.crash()
  // The state when the command is killed right after its first effect.
  await writeFile(file, `${[newMasterKey('kek-v2'), ...(await readKeys())].join('\n')}\n`)
  const finished = await run()
  assert.equal(finished.code, 0, finished.output)
  assert.match(finished.output, /Continuing the interrupted rotation to kek-v2/)
  assert.match(finished.output, /Wrapped again: 1\./)
  assert.deepEqual(await idsOf(), ['kek-v2', 'kek-v1'])
  const second = await start()
  await works(second)
  await second.stop()
})

test('keeps a master key while a stored secret cannot be opened', async (t) => {
  const { server, run, file, readKeys, idsOf } = await begin(t)
  await server.stop()
  const [lost] = await readKeys()
  await writeFile(file, `${newMasterKey('kek-v3')}\n${newMasterKey('kek-v2')}\n`)
  const { code, output } = await run('--drop-previous')
  assert.equal(code, 1, output)
  assert.match(output, /sealed with master key kek-v1, which this node does not have/)
  assert.deepEqual(await idsOf(), ['kek-v3', 'kek-v2'])
  await writeFile(file, `${[...(await readKeys()), lost].join('\n')}\n`)
  assert.equal((await run('--drop-previous')).code, 0)
  assert.deepEqual(await idsOf(), ['kek-v3'])
})

test('a DATA_DIR without its key file does not start until the file is restored', async (t) => {
  const { server, start, works, file } = await begin(t)
  await server.stop()
  await rename(file, `${file}.away`)
  const { code, output } = await startFails({ DATA_DIR: path.dirname(file) })
  assert.equal(code, 1)
  assert.match(output, /^outlast: .*secrets\.key is missing, .*: restore the file from the backup/)
  await rename(`${file}.away`, file)
  const again = await start()
  await works(again)
  await again.stop()
})
