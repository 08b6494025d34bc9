/**
 * Seals stored secrets (keys of providers, secrets of sessions) with the current master key: `npm
 * run rotate-keys`; see docs/keys.md. With keys in DATA_DIR it creates a new master key first.
 * `--drop-previous` removes the previous ones instead.
 * Contract: may be killed at any moment and run again. Exits with 1 when a secret could not be
 * opened.
 */
import {
  type Config,
  ConfigError,
  configuredMasterKeys,
  readConfig,
} from '../apps/server/src/config.ts'
import { createLog } from '../apps/server/src/log.ts'
import {
  createSecrets,
  masterKeyId,
  newMasterKey,
  problemOfMasterKeys,
} from '../apps/server/src/secrets.ts'
import { type Database, openDatabase } from '../apps/server/src/store/database.ts'
import { isUnavailable } from '../apps/server/src/store/database-errors.ts'
import {
  EmbeddedError,
  findMasterKeys,
  startEmbedded,
  writeMasterKeys,
} from '../apps/server/src/store/embedded/embedded.ts'
import {
  isRotationOpen,
  type Rotation,
  renewSealed,
  type Unreadable,
} from '../apps/server/src/store/key-rotation.ts'
import {
  checkMasterKeys,
  hasMasterKeys,
  markReplaced,
} from '../apps/server/src/store/start/master-keys.ts'
import { migrate } from '../apps/server/src/store/start/migrate.ts'
import { DatabaseUnusableError } from '../apps/server/src/store/start/unusable.ts'

const dropFlag = '--drop-previous'
const usage = `npm run rotate-keys [-- ${dropFlag}]`
const listedMax = 100
const statementTimeoutMs = 30_000

const say = (line: string) => process.stdout.write(`${line}\n`)

async function main(args: string[]): Promise<number> {
  if (args.some((arg) => arg !== dropFlag)) throw new ConfigError(`Usage: ${usage}`)
  const config = readConfig(process.env)
  const drop = args.length > 0
  const configured = configuredMasterKeys(config)
  if (configured.length > 0) {
    if (drop) throw new ConfigError(`${dropFlag} is for keys in DATA_DIR: ${whatToRemove}`)
    return withDatabase(config, (db) => rotateTo(db, configured))
  }
  if (config.DATABASE_URL !== undefined) {
    throw new ConfigError('SECRETS_ENCRYPTION_KEY is not set. Set it to the new master key.')
  }
  // Checked before a database is created in a folder that was named by mistake.
  if ((await findMasterKeys(config.DATA_DIR)) === undefined) {
    throw new ConfigError(`DATA_DIR ${config.DATA_DIR} has no master key to rotate.`)
  }
  return withDatabase(config, (db) => (drop ? dropPrevious : rotateFile)(db, config.DATA_DIR))
}

const whatToRemove = 'remove SECRETS_ENCRYPTION_KEY_PREVIOUS from the environment'

/** The database of DATABASE_URL, or the embedded one while the work runs. */
async function withDatabase(config: Config, work: (db: Database) => Promise<number>) {
  const log = createLog(config.LOG_LEVEL, config.LOG_FORMAT)
  const onFatal = (error: Error) => fail(error)
  const { DATABASE_URL, DATA_DIR: dataDir } = config
  const embedded = DATABASE_URL ? undefined : await startEmbedded({ dataDir, log, onFatal })
  try {
    const url = DATABASE_URL ?? embedded!.url
    if (!(await hasMasterKeys(url))) {
      throw new ConfigError(
        'No server has used a master key with this database. Check DATABASE_URL; nothing was changed.',
      )
    }
    // A newer version may keep secrets in other places: such a database is refused.
    await migrate(url, async () => {})
    const onError = (error: Error) => log.debug('a database connection broke', { error })
    const db = openDatabase({ url, max: 2, timeoutMs: statementTimeoutMs, onError })
    return await work(db).finally(db.close)
  } finally {
    await embedded?.stop()
  }
}

/** Rotates to the keys of the environment. The operator removes the previous ones. */
async function rotateTo(db: Database, keys: string[]) {
  const rotation = await renew(db, keys)
  if (rotation.complete && rotation.unreadable.length === 0 && keys.length > 1) {
    say(`No stored secret needs ${namesOf(keys.slice(1))} any more. Next: ${whatToRemove}.`)
  }
  return exitCodeOf(rotation)
}

async function rotateFile(db: Database, dataDir: string) {
  const keys = await keysToRotateTo(db, dataDir)
  const [current, ...previous] = keys
  say(
    `${masterKeyId(current!)} is the master key; secrets sealed with ${namesOf(previous)} can still be opened.`,
  )
  const rotation = await renew(db, keys)
  if (exitCodeOf(rotation) === 0) {
    say(`To remove ${namesOf(previous)} later: npm run rotate-keys -- ${dropFlag}`)
  }
  return exitCodeOf(rotation)
}

/** The keys of a rotation: an interrupted one continues under the key that it created. */
async function keysToRotateTo(db: Database, dataDir: string) {
  const keys = (await findMasterKeys(dataDir))!
  const currentId = masterKeyId(keys[0]!)
  if (await isRotationOpen(db, createSecrets(keys), currentId)) {
    say(`Continuing the interrupted rotation to ${currentId}.`)
    return keys
  }
  const next = [newMasterKey(nextId(keys)), ...keys]
  const problem = problemOfMasterKeys(next)
  if (problem) throw new ConfigError(`DATA_DIR has too many keys (${problem}): use ${dropFlag}.`)
  await writeMasterKeys(dataDir, next)
  return next
}

async function dropPrevious(db: Database, dataDir: string) {
  const keys = (await findMasterKeys(dataDir))!
  const [current, ...previous] = keys
  const rotation = await renew(db, keys)
  if (exitCodeOf(rotation) !== 0) {
    say('No master key was removed.')
  } else if (previous.length === 0) {
    say(`${masterKeyId(current!)} is the only master key; there is no previous one to remove.`)
  } else {
    await writeMasterKeys(dataDir, [current!])
    say(`Removed ${namesOf(previous)}; ${masterKeyId(current!)} is the only master key.`)
  }
  return exitCodeOf(rotation)
}

const namesOf = (keys: string[]) => keys.map(masterKeyId).join(', ')

function nextId(keys: string[]) {
  const numbers = keys.map((key) => Number(/^kek-v(\d{1,9})$/.exec(masterKeyId(key))?.[1] ?? 0))
  return `kek-v${Math.max(...numbers) + 1}`
}

async function renew(db: Database, keys: string[]): Promise<Rotation> {
  await checkMasterKeys(db, keys)
  const rotation = await renewSealed(db, createSecrets(keys), (seen) =>
    say(`${seen} secrets checked`),
  )
  const { renewed, settled, unreadable, complete } = rotation
  const current = masterKeyId(keys[0]!)
  say(`Under ${current}: ${settled}. Wrapped again: ${renewed}. Unreadable: ${unreadable.length}.`)
  list(unreadable)
  if (exitCodeOf(rotation) === 0) await markReplaced(db, current)
  if (!complete) say(`Other nodes still seal with another key: give all nodes ${current} first.`)
  return rotation
}

function list(unreadable: Unreadable[]) {
  for (const { what, reason } of unreadable.slice(0, listedMax)) say(`  ${what}: ${reason}`)
  const more = unreadable.length - listedMax
  if (more > 0) say(`  and ${more} more`)
  if (unreadable.length > 0)
    say(
      'Set the api_key of these providers and the secrets of these sessions again, or give the command their master key.',
    )
}

const exitCodeOf = ({ unreadable, complete }: Rotation) =>
  complete && unreadable.length === 0 ? 0 : 1

function fail(error: unknown): never {
  const { message, stack } = error as Error
  const explained = [ConfigError, EmbeddedError, DatabaseUnusableError]
  const known = explained.some((kind) => error instanceof kind)
  const sentence = isUnavailable(error)
    ? `The database is unavailable (${message}). Run the command again.`
    : stack
  process.stderr.write(`rotate-keys: ${known ? message : sentence}\n`)
  process.exit(1)
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  fail(error)
}
