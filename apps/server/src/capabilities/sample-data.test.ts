import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleData } from './sample-data.ts'

const mounted = (config: Record<string, unknown>) =>
  sampleData.mounts(config).map(({ path, isReadonly }) => {
    assert.ok(isReadonly, path)
    return path
  })

test('three files are mounted, the chosen ones with a README that tells of them', () => {
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

test('the users are three, with the fields that the README names', () => {
  const users = JSON.parse(String(sampleData.mounts({})[0]!.content))
  assert.equal(users.length, 3)
  for (const user of users) {
    assert.deepEqual(Object.keys(user), ['id', 'name', 'email', 'role', 'active'])
  }
})
