import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'

const algorithm = 'aes-256-gcm'
const nonceBytes = 12
const authTagLength = 16

/** The value in responses for write-only fields. */
export const mask = '********'

/** Limit, because every key is tried on a token with an invalid signature. */
const masterKeysMax = 8
const masterKeyShape = /^[\w.-]{1,64}:[A-Za-z0-9+/]{43}=$/

/** Version 1 is not bound to its place. */
type SealedEnvelope = {
  version: 1 | 2
  alg: string
  key_id: string
  dek_wrapped: string
  nonce: string
  ciphertext: string
  /** A keyed hash of the text's destination. Absent: sealed by a version that did not bind it. */
  bound?: string
}

/** A sealed text that does not open. The message names the master key and is safe to show. */
export class SealedTextError extends Error {
  override name = 'SealedTextError'
}

/** The text was sealed with a master key that this server does not have. */
export class UnknownMasterKeyError extends SealedTextError {
  override name = 'UnknownMasterKeyError'
  readonly keyId: string

  constructor(keyId: string) {
    super(`master key ${keyId} is not configured`)
    this.keyId = keyId
  }
}

/**
 * Encrypts texts that a copy of the database must not reveal. A text is bound to a `place`, which
 * names its row and column: a copied envelope does not open in another place. A text that is sent
 * to an address is also bound to that `destination`.
 */
export type Secrets = {
  seal: (text: string, place: string, destination?: string) => string
  /** Contract: throws UnknownMasterKeyError, or SealedTextError for a changed or moved envelope. */
  open: (envelope: string, place: string, destination?: string) => string
  /** Returns the envelope to store instead; undefined when it is current. Throws as `open` does. */
  renew: (envelope: string, place: string, destination?: string) => string | undefined
  /** Binds an unbound envelope to a destination, under its own key. Throws as `open` does. */
  bind: (envelope: string, place: string, destination: string) => string | undefined
}

export const newMasterKey = (id = 'kek-v1') => `${id}:${randomBytes(32).toString('base64')}`

/** True for `<id>:<32 bytes in base64>`, as settings and the key file write a master key. */
export const isMasterKey = (text: string) => masterKeyShape.test(text)

export const masterKeyId = (masterKey: string) => masterKey.slice(0, masterKey.indexOf(':'))

export const masterKeyBytes = (masterKey: string) =>
  Buffer.from(masterKey.slice(masterKey.indexOf(':') + 1), 'base64')

/** Returns why master keys cannot be used together; undefined when they can. */
export function problemOfMasterKeys(masterKeys: readonly string[]): string | undefined {
  if (masterKeys.length > masterKeysMax) return `at most ${masterKeysMax} keys are allowed`
  const ids = masterKeys.map(masterKeyId)
  const twice = ids.find((id, index) => ids.indexOf(id) !== index)
  if (twice !== undefined) return `two keys have the id ${twice}`
  const bytes = masterKeys.map((key) => masterKeyBytes(key).toString('hex'))
  const copy = bytes.findIndex((one, index) => bytes.indexOf(one) !== index)
  if (copy >= 0) return `${ids[bytes.indexOf(bytes[copy]!)]} and ${ids[copy]} are the same key`
  return undefined
}

/**
 * Creates envelopes: each text is encrypted with a data key of its own, and the data key with a
 * master key. A new master key therefore re-encrypts short keys and no texts. The first master key
 * seals; the one that an envelope names opens it.
 * Contract: there is at least one master key.
 */
export function createSecrets(masterKeys: readonly string[]): Secrets {
  const keys = new Map(masterKeys.map((key) => [masterKeyId(key), masterKeyBytes(key)]))
  const currentId = masterKeyId(masterKeys[0]!)
  const current = keys.get(currentId)!

  const secrets: Secrets = {
    seal(text, place, destination) {
      const dek = randomBytes(32)
      const nonce = randomBytes(nonceBytes)
      const envelope: SealedEnvelope = {
        version: 2,
        alg: 'AES-256-GCM',
        key_id: currentId,
        dek_wrapped: wrap(current, dek),
        nonce: nonce.toString('base64'),
        ciphertext: encrypt({ key: dek, nonce, place }, Buffer.from(text)).toString('base64'),
        ...(destination !== undefined && { bound: boundTo(dek, place, destination) }),
      }
      return JSON.stringify(envelope)
    },
    open(text, place, destination) {
      const envelope = parseEnvelope(text)
      const { key_id: id, version, bound } = envelope
      const key = keys.get(id)
      if (!key) throw new UnknownMasterKeyError(id)
      const { dek, plain } = openWith(key, envelope, version === 1 ? '' : place)
      const isElsewhere = bound !== undefined && bound !== boundTo(dek, place, destination ?? '')
      if (isElsewhere) throw new SealedTextError('it was entered for another address')
      return plain
    },
    renew(text, place, destination) {
      // Opened even if it needs no change: before a master key is dropped, every text must prove to
      // open.
      const plain = secrets.open(text, place, destination)
      const envelope = parseEnvelope(text)
      if (envelope.version === 1) return secrets.seal(plain, place, destination)
      const bound = destination === undefined ? undefined : secrets.bind(text, place, destination)
      if (envelope.key_id === currentId) return bound
      const dek_wrapped = wrap(current, unwrap(keys.get(envelope.key_id)!, envelope.dek_wrapped))
      return JSON.stringify({ ...parseEnvelope(bound ?? text), key_id: currentId, dek_wrapped })
    },
    bind(text, place, destination) {
      const envelope = parseEnvelope(text)
      if (envelope.bound !== undefined) return undefined
      secrets.open(text, place, destination)
      const dek = unwrap(keys.get(envelope.key_id)!, envelope.dek_wrapped)
      return JSON.stringify({ ...envelope, bound: boundTo(dek, place, destination) })
    },
  }
  return secrets
}

/** A keyed hash, which cannot be computed without the master key. */
const boundTo = (dek: Buffer, place: string, destination: string) =>
  createHmac('sha256', dek).update(`${destination}\n${place}`).digest('base64')

function openWith(
  key: Buffer,
  { dek_wrapped, nonce, ciphertext, key_id }: SealedEnvelope,
  place: string,
) {
  try {
    const dek = unwrap(key, dek_wrapped)
    const box = { key: dek, nonce: Buffer.from(nonce, 'base64'), place }
    return { dek, plain: decrypt(box, Buffer.from(ciphertext, 'base64')).toString() }
  } catch (cause) {
    throw new SealedTextError(
      `it was changed or moved, or sealed with another master key with the id ${key_id}`,
      { cause },
    )
  }
}

/** Returns the id of the master key that an envelope names; undefined for invalid envelopes. */
export const envelopeKeyId = (envelope: string) => readJson(envelope)?.key_id

function parseEnvelope(text: string): SealedEnvelope {
  const envelope = readJson(text)
  if (envelope && [1, 2].includes(envelope.version)) return envelope
  throw new SealedTextError('it is not an envelope that this version supports')
}

function readJson(text: string): SealedEnvelope | undefined {
  try {
    return JSON.parse(text) as SealedEnvelope
  } catch {
    return undefined
  }
}

/** The input of an encryption; `place` is authenticated with it. */
type Box = { key: Buffer; nonce: Buffer; place: string }

function wrap(key: Buffer, dek: Buffer) {
  const nonce = randomBytes(nonceBytes)
  return Buffer.concat([nonce, encrypt({ key, nonce, place: '' }, dek)]).toString('base64')
}

function unwrap(key: Buffer, wrapped: string) {
  const bytes = Buffer.from(wrapped, 'base64')
  const nonce = bytes.subarray(0, nonceBytes)
  return decrypt({ key, nonce, place: '' }, bytes.subarray(nonceBytes))
}

function encrypt({ key, nonce, place }: Box, plain: Buffer) {
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength }).setAAD(Buffer.from(place))
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

function decrypt({ key, nonce, place }: Box, sealed: Buffer) {
  const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength }).setAAD(
    Buffer.from(place),
  )
  decipher.setAuthTag(sealed.subarray(-authTagLength))
  return Buffer.concat([decipher.update(sealed.subarray(0, -authTagLength)), decipher.final()])
}
