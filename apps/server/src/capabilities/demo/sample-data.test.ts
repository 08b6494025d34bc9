import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from '../../../test/server.ts'
import { sessionWith, type ToolUse, useTools } from '../../../test/tool-session.ts'
import { sampleData } from './sample-data.ts'

const mounted = (config: Record<string, unknown>) =>
  sampleData.mounts(config).map(({ path, isReadonly }) => {
    assert.ok(isReadonly, path)
    return path
  })

test('mounts the selected files and a README that lists them', () => {
  assert.deepEqual(mounted({}), [
    '/samples/users.json',
    '/samples/config.yaml',
    '/samples/README.md',
  ])
  const config = { path: '/data/try', datasets: ['config'] }
  assert.deepEqual(mounted(config), ['/data/try/config.yaml', '/data/try/README.md'])
  const readme = String(sampleData.mounts(config).at(-1)!.content)
  assert.match(readme, /config\.yaml/)
  assert.doesNotMatch(readme, /users/)
  assert.match(sampleData.prompt(config)!, /sample data in \/data\/try/)
  assert.deepEqual(mounted({ datasets: [] }), ['/samples/README.md'])
})

test('has three users with the fields of the README', () => {
  const users = JSON.parse(String(sampleData.mounts({})[0]!.content))
  assert.equal(users.length, 3)
  for (const user of users) {
    assert.deepEqual(Object.keys(user), ['id', 'name', 'email', 'role', 'active'])
  }
})

test('a session has the files from its start, and tools cannot change them', async (t) => {
  const server = await startServer(t)
  const read = (path: string): ToolUse => ['read_file', { path }]
  const session = await sessionWith(server, 'sample_data')
  const [users, , changed] = await useTools(
    t,
    server,
    session.id,
    read('/samples/users.json'),
    read('/samples/README.md'),
    ['write_file', { path: '/samples/users.json', content: '[]' }],
  )
  assert.equal(JSON.parse(users.content)[0].name, 'Marta Lindqvist')
  assert.match(changed, /readonly/)
  const other = await sessionWith(server, 'sample_data', { path: '/try', datasets: ['config'] })
  const answers = await useTools(t, server, other.id, ['list_directory', { path: '/try' }])
  assert.deepEqual(
    answers[0].entries.map(({ path }: { path: string }) => path),
    ['/try/README.md', '/try/config.yaml'],
  )
})
