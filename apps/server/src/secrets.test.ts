import assert from 'node:assert/strict'
import test from 'node:test'
import { createSecrets, newMasterKey } from './secrets.ts'

test('what is sealed opens again, and twice the same looks different', () => {
  const secrets = createSecrets(newMasterKey())
  const [one, two] = [secrets.seal('sk-123'), secrets.seal('sk-123')]
  assert.notEqual(one, two)
  assert.doesNotMatch(one, /sk-123/)
  assert.deepEqual([secrets.open(one), secrets.open(two)], ['sk-123', 'sk-123'])
})

test('another key, and an envelope that was changed, open nothing', () => {
  const secrets = createSecrets(newMasterKey())
  const sealed = secrets.seal('sk-123')
  assert.throws(() => createSecrets(newMasterKey()).open(sealed))
  assert.throws(() => createSecrets(newMasterKey().replace('v1', 'v2')).open(sealed), /kek-v1/)
  const envelope = JSON.parse(sealed)
  const bytes = Buffer.from(envelope.ciphertext, 'base64')
  bytes[0]! ^= 1
  const changed = JSON.stringify({ ...envelope, ciphertext: bytes.toString('base64') })
  assert.throws(() => secrets.open(changed))
})
