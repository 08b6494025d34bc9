import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

const algorithm = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16

/** A master key as settings write it: `<id>:<32 bytes in base64>`. */
type MasterKey = { id: string; bytes: Buffer }

/** Encrypts what must not be readable in a copy of the database. */
export type Secrets = { seal: (text: string) => string; open: (envelope: string) => string }

type Envelope = {
  version: 1
  alg: string
  key_id: string
  dek_wrapped: string
  nonce: string
  ciphertext: string
}

export const newMasterKey = () => `kek-v1:${randomBytes(32).toString('base64')}`

/**
 * Envelopes: each text under a data key of its own, the data key under the master key, so that a new master
 * key means wrapping short keys again and no text. `open` throws when the envelope is of another master key.
 */
export function createSecrets(masterKey: string): Secrets {
  const master = parseMasterKey(masterKey)
  return {
    seal(text) {
      const dek = randomBytes(32)
      const nonce = randomBytes(nonceBytes)
      const wrapNonce = randomBytes(nonceBytes)
      const envelope: Envelope = {
        version: 1,
        alg: 'AES-256-GCM',
        key_id: master.id,
        dek_wrapped: Buffer.concat([wrapNonce, encrypt(master.bytes, wrapNonce, dek)]).toString(
          'base64',
        ),
        nonce: nonce.toString('base64'),
        ciphertext: encrypt(dek, nonce, Buffer.from(text)).toString('base64'),
      }
      return JSON.stringify(envelope)
    },
    open(text) {
      const envelope = JSON.parse(text) as Envelope
      if (envelope.key_id !== master.id) throw new Error(`no master key ${envelope.key_id}`)
      const wrapped = Buffer.from(envelope.dek_wrapped, 'base64')
      const dek = decrypt(
        master.bytes,
        wrapped.subarray(0, nonceBytes),
        wrapped.subarray(nonceBytes),
      )
      const nonce = Buffer.from(envelope.nonce, 'base64')
      return decrypt(dek, nonce, Buffer.from(envelope.ciphertext, 'base64')).toString()
    },
  }
}

function parseMasterKey(text: string): MasterKey {
  const [id, key] = text.split(':')
  return { id: id!, bytes: Buffer.from(key!, 'base64') }
}

function encrypt(key: Buffer, nonce: Buffer, plain: Buffer) {
  const cipher = createCipheriv(algorithm, key, nonce)
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

function decrypt(key: Buffer, nonce: Buffer, sealed: Buffer) {
  const decipher = createDecipheriv(algorithm, key, nonce)
  decipher.setAuthTag(sealed.subarray(-tagBytes))
  return Buffer.concat([decipher.update(sealed.subarray(0, -tagBytes)), decipher.final()])
}
