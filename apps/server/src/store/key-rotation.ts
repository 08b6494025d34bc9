import { envelopeKeyId, SealedTextError, type Secrets } from '../secrets.ts'
import {
  channelSecretDestination,
  channelSecretPlace,
  listSealedChannelSecrets,
  replaceSealedChannelSecret,
  secretUseOf,
} from './access/agent-channels.ts'
import type { Db } from './database.ts'
import { listSealedSecrets, replaceSealedSecret, secretPlace } from './files/session-storage.ts'
import {
  listSealedReaches,
  mcpDestination,
  mcpHeadersPlace,
  mcpKeyPlace,
  replaceSealedReach,
} from './models/mcp-servers.ts'
import { keyDestination, keyPlace, listSealedKeys, replaceSealedKey } from './models/providers.ts'
import {
  listSealedWebhookSecrets,
  replaceSealedWebhookSecret,
  webhookSecretPlace,
} from './webhooks/webhooks.ts'

/** A text that is left unchanged because it cannot be opened. */
export type Unreadable = { what: string; reason: string }

export type Rotation = {
  /** The number of replaced envelopes. */
  renewed: number
  /** The number of envelopes that needed no change. */
  settled: number
  unreadable: Unreadable[]
  /** False when new envelopes under other master keys kept appearing. */
  complete: boolean
}

/** Other nodes may add sealed texts during a pass; then another pass runs. */
const passesMax = 10

/** A sealed text of any table. */
type Sealed = {
  /** A description for the person that has to enter it again. */
  what: string
  envelope: string
  place: string
  /** Undefined for a text that is sent nowhere. */
  destination?: string
  /** False when the envelope was replaced meanwhile. */
  replace: (renewed: string) => Promise<boolean>
}

/** Every sealed text of all organizations, in batches. Add future sealed columns here. */
async function* listSealed(db: Db): AsyncGenerator<Sealed[]> {
  yield* listSent(db)
  for await (const secrets of listSealedWebhookSecrets(db)) {
    yield secrets.map((secret) => ({
      what: `${secret.column} of ${secret.id} of ${secret.org_id}`,
      envelope: secret.body,
      place: webhookSecretPlace(secret.org_id, secret.id),
      replace: (renewed) => replaceSealedWebhookSecret(db, secret, renewed),
    }))
  }
  for await (const secrets of listSealedSecrets(db)) {
    yield secrets.map((secret) => ({
      what: `secret ${JSON.stringify(secret.name)} of ${secret.session_id} of ${secret.org_id}`,
      envelope: secret.body,
      place: secretPlace(secret),
      replace: (renewed) => replaceSealedSecret(db, secret, renewed),
    }))
  }
}

type Sent = Sealed & { destination: string }

/** Lists the sealed texts that are sent to an address. */
async function* listSent(db: Db): AsyncGenerator<Sent[]> {
  for await (const keys of listSealedKeys(db)) {
    yield keys.map((key) => ({
      what: `${key.id} of ${key.org_id}`,
      envelope: key.api_key,
      place: keyPlace(key.org_id, key.id),
      destination: keyDestination(key),
      replace: (renewed) => replaceSealedKey(db, key, renewed),
    }))
  }
  for await (const reaches of listSealedReaches(db)) {
    yield reaches.map((reach) => ({
      what: `${reach.column} of ${reach.id} of ${reach.org_id}`,
      envelope: reach.body,
      place: (reach.column === 'headers' ? mcpHeadersPlace : mcpKeyPlace)(reach.org_id, reach.id),
      destination: mcpDestination(reach.url),
      replace: (renewed) => replaceSealedReach(db, reach, renewed),
    }))
  }
  for await (const secrets of listSealedChannelSecrets(db)) {
    yield secrets.map((secret) => ({
      what: `client_secret of ${secret.id} of ${secret.org_id}`,
      envelope: secret.client_secret,
      place: channelSecretPlace(secret.org_id, secret.id),
      destination: channelSecretDestination(secretUseOf(secret.config) ?? {}),
      replace: (renewed) => replaceSealedChannelSecret(db, secret, renewed),
    }))
  }
}

/**
 * Seals every text with the current master key.
 * Contract: one statement per text, which changes nothing if the text was changed meanwhile. Nodes
 * may run, two rotations may run, and another one completes a killed rotation.
 */
export async function renewSealed(
  db: Db,
  secrets: Secrets,
  onBatch: (seen: number) => void,
): Promise<Rotation> {
  let renewed = 0
  for (let pass = 1; ; pass++) {
    const found = { settled: 0, replaced: 0, changed: 0, unreadable: [] as Unreadable[] }
    let seen = 0
    for await (const batch of listSealed(db)) {
      for (const sealed of batch) await renewOne(sealed, secrets, found)
      seen += batch.length
      if (pass === 1) onBatch(seen)
    }
    const { settled, replaced, changed, unreadable } = found
    renewed += replaced
    const complete = replaced + changed === 0
    if (complete || pass === passesMax) return { renewed, settled, unreadable, complete }
  }
}

type RotationCounts = {
  settled: number
  replaced: number
  changed: number
  unreadable: Unreadable[]
}

async function renewOne(sealed: Sealed, secrets: Secrets, found: RotationCounts) {
  const next = tryRenew(secrets, sealed)
  if (next instanceof SealedTextError) {
    found.unreadable.push({ what: sealed.what, reason: next.message })
  } else if (next === undefined) {
    found.settled++
  } else if (await sealed.replace(next)) {
    found.replaced++
  } else {
    found.changed++
  }
}

function tryRenew(secrets: Secrets, { envelope, place, destination }: Sealed) {
  try {
    return secrets.renew(envelope, place, destination)
  } catch (error) {
    if (error instanceof SealedTextError) return error
    throw error
  }
}

/**
 * Binds keys and headers of earlier versions to the current address of their row.
 * Contract: changes no text and no master key, so that nodes of an earlier version can still open
 * them.
 */
export async function bindSealed(db: Db, secrets: Secrets): Promise<void> {
  for await (const batch of listSent(db)) {
    for (const sent of batch) {
      const bound = tryBind(secrets, sent)
      if (bound !== undefined) await sent.replace(bound)
    }
  }
}

/** Undefined for a text that cannot be opened: its use reports why. */
function tryBind(secrets: Secrets, { envelope, place, destination }: Sent) {
  try {
    return secrets.bind(envelope, place, destination)
  } catch (error) {
    if (error instanceof SealedTextError) return undefined
    throw error
  }
}

/** True while a text that can be opened is sealed with a master key other than `currentId`. */
export async function isRotationOpen(
  db: Db,
  secrets: Secrets,
  currentId: string,
): Promise<boolean> {
  for await (const batch of listSealed(db)) {
    for (const sealed of batch) {
      const isOther = envelopeKeyId(sealed.envelope) !== currentId
      if (isOther && !(tryRenew(secrets, sealed) instanceof SealedTextError)) return true
    }
  }
  return false
}
