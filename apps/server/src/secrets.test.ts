import assert from 'node:assert/strict'
import { createCipheriv, randomBytes } from 'node:crypto'
import test from 'node:test'
import {
  createSecrets,
  masterKeyBytes,
  newMasterKey,
  problemOfMasterKeys,
  SealedTextError,
  UnknownMasterKeyError,
} from './secrets.ts'

const [v1, v2] = [newMasterKey(), newMasterKey('kek-v2')]
const place = 'a row'

test('opens a sealed text, and seals the same text differently each time', () => {
  const secrets = createSecrets([v1])
  const [one, two] = [secrets.seal('sk-123', place), secrets.seal('sk-123', place)]
  assert.notEqual(one, two)
  assert.doesNotMatch(one, /sk-123/)
  assert.deepEqual([secrets.open(one, place), secrets.open(two, place)], ['sk-123', 'sk-123'])
})

test('seals with the first master key, and opens with any of them', () => {
  const old = createSecrets([v1]).seal('sk-123', place)
  const secrets = createSecrets([v2, v1])
  assert.equal(secrets.open(old, place), 'sk-123')
  assert.equal(JSON.parse(secrets.seal('x', place)).key_id, 'kek-v2')
})

test('names an unknown master key, and opens nothing with another key of the same id', () => {
  const sealed = createSecrets([v1]).seal('sk-123', place)
  assert.throws(
    () => createSecrets([v2]).open(sealed, place),
    (error) => error instanceof UnknownMasterKeyError && error.keyId === 'kek-v1',
  )
  assert.throws(() => createSecrets([newMasterKey()]).open(sealed, place), SealedTextError)
})

test('does not open an envelope that was changed, cut, moved or given an older version', () => {
  const secrets = createSecrets([v1])
  const sealed = secrets.seal('sk-123', place)
  const envelope = JSON.parse(sealed)
  const bytes = Buffer.from(envelope.ciphertext, 'base64')
  bytes[0]! ^= 1
  const bad = [
    JSON.stringify({ ...envelope, ciphertext: bytes.toString('base64') }),
    JSON.stringify({ ...envelope, ciphertext: bytes.subarray(0, 4).toString('base64') }),
    JSON.stringify({ ...envelope, version: 1 }),
    JSON.stringify({ ...envelope, version: 3 }),
    JSON.stringify({ version: 2, key_id: 'kek-v1' }),
    'null',
    'sk-123',
  ]
  for (const one of bad) assert.throws(() => secrets.open(one, place), SealedTextError, one)
  assert.throws(() => secrets.open(sealed, 'another row'), SealedTextError)
  assert.throws(() => secrets.renew(sealed, 'another row'), SealedTextError)
})

test('a new master key wraps the data key again and leaves the rest', () => {
  const old = createSecrets([v1]).seal('sk-123', place)
  const secrets = createSecrets([v2, v1])
  const renewed = secrets.renew(old, place)!
  const { key_id, dek_wrapped, ...rest } = JSON.parse(renewed)
  assert.deepEqual({ ...JSON.parse(old), ...rest }, JSON.parse(old))
  assert.equal(key_id, 'kek-v2')
  assert.notEqual(dek_wrapped, JSON.parse(old).dek_wrapped)
  assert.equal(createSecrets([v2]).open(renewed, place), 'sk-123')
  assert.equal(secrets.renew(renewed, place), undefined)
})

/** Seals like versions that did not bind envelopes to a place. */
function sealUnbound(text: string, masterKey: string) {
  const encrypt = (key: Buffer, nonce: Buffer, plain: Buffer) => {
    const cipher = createCipheriv('aes-256-gcm', key, nonce)
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  }
  const [dek, nonce, wrapNonce] = [randomBytes(32), randomBytes(12), randomBytes(12)]
  const wrapped = Buffer.concat([wrapNonce, encrypt(masterKeyBytes(masterKey), wrapNonce, dek)])
  return JSON.stringify({
    version: 1,
    alg: 'AES-256-GCM',
    key_id: 'kek-v1',
    dek_wrapped: wrapped.toString('base64'),
    nonce: nonce.toString('base64'),
    ciphertext: encrypt(dek, nonce, Buffer.from(text)).toString('base64'),
  })
}

test('an envelope of version 1 opens, and is bound to its place when it is renewed', () => {
  const old = sealUnbound('sk-123', v1)
  for (const keys of [[v1], [v2, v1]]) {
    const secrets = createSecrets(keys)
    assert.equal(secrets.open(old, place), 'sk-123')
    const renewed = secrets.renew(old, place)!
    assert.equal(JSON.parse(renewed).version, 2)
    assert.equal(secrets.open(renewed, place), 'sk-123')
    assert.throws(() => secrets.open(renewed, 'another row'), SealedTextError)
  }
})

test('detects conflicting master keys by id and by key', () => {
  assert.equal(problemOfMasterKeys([v2, v1]), undefined)
  assert.equal(problemOfMasterKeys([v1, newMasterKey()]), 'two keys have the id kek-v1')
  const copy = v1.replace('kek-v1', 'kek-v3')
  assert.equal(problemOfMasterKeys([v2, v1, copy]), 'kek-v1 and kek-v3 are the same key')
  const many = Array.from({ length: 9 }, (_, index) => newMasterKey(`k${index}`))
  assert.equal(problemOfMasterKeys(many), 'at most 8 keys are allowed')
})
